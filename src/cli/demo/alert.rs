//! The demo's alert: 暴雨橙色, in the national 12379 form, as of now.

use crate::model::UtcMs;

/// Beijing time.
const BEIJING_S: i64 = 8 * 3_600;
/// Validity, seconds.
const VALID_S: i64 = 3 * 3_600;

/// The alert for 岳阳县 as its met office would send it at `now`.
pub(super) fn rainstorm_orange(now: UtcMs) -> String {
    rainstorm(now, "ORANGE", "橙色")
}

/// A red warning of flash floods, which calls responsible persons.
pub(super) fn flash_flood_red(now: UtcMs) -> String {
    rainstorm(now, "RED", "红色").replace("11B03", "11A51").replace("暴雨", "山洪")
}

/// The same at another level.
pub(in crate::cli) fn rainstorm(now: UtcMs, severity: &str, colour: &str) -> String {
    let time = |at: UtcMs| {
        jiff::Timestamp::from_millisecond(at.plus_s(BEIJING_S).0)
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
            .unwrap_or_default()
    };
    let (sent, expires) = (time(now), time(now.plus_s(VALID_S)));
    let stamp: String = sent.chars().filter(char::is_ascii_digit).collect();
    let hour = sent.get(11..13).unwrap_or("00");
    let minute = sent.get(14..16).unwrap_or("00");
    let day = sent.get(..10).unwrap_or("2026-01-01");
    let (year, month, date) =
        (day.get(..4).unwrap_or(""), day.get(5..7).unwrap_or(""), day.get(8..10).unwrap_or(""));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<alert>
  <identifier>43062141600000_{stamp}</identifier>
  <sender>岳阳县气象台</sender>
  <senderCode>43062141600000</senderCode>
  <sendTime>{sent}+08:00</sendTime>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <code>
    <method>
      <methodName>SPEAKER</methodName>
      <message/>
      <audienceGrp/>
      <audiencePrt>,</audiencePrt>
    </method>
  </code>
  <secClassification>None</secClassification>
  <note/>
  <references/>
  <info>
    <language>zh-CN</language>
    <eventType>11B03</eventType>
    <urgency>Unknown</urgency>
    <severity>{severity}</severity>
    <certainty>Unknown</certainty>
    <effective>{sent}+08:00</effective>
    <onset/>
    <expires>{expires}+08:00</expires>
    <senderName>岳阳县气象台</senderName>
    <headline>岳阳县气象台发布暴雨{colour}预警</headline>
    <description>岳阳县气象台{year}年{month}月{date}日{hour}时{minute}分发布暴雨{colour}预警信号：预计未来3小时，公田镇、月田镇、毛田镇、张谷英镇等地降雨量将达50毫米以上，局地伴有雷电和短时大风，山洪、地质灾害气象风险高。</description>
    <instruction>请停止户外活动，远离河道、陡坡和低洼地带；山洪和地质灾害危险区的群众请听从村干部指挥，立即转移。</instruction>
    <area>
      <areaDesc>岳阳县</areaDesc>
      <polygon/>
      <circle/>
      <geocode>430621000000,</geocode>
    </area>
  </info>
</alert>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_alert_is_a_readable_national_alert() {
        let text = rainstorm_orange(UtcMs(1_782_000_000_000));
        let alert = crate::ingest::read(text.as_bytes(), None).unwrap();
        assert_eq!(alert.form, crate::model::AlertForm::National12379);
        assert_eq!(alert.id.sent, UtcMs(1_782_000_000_000));
        assert_eq!(alert.infos[0].level, Some(crate::model::Level::Orange));
        assert_eq!(alert.infos[0].areas[0].geocodes.len(), 1);
    }
}
