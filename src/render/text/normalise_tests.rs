//! What people write in alerts and how it must sound.

use super::normalise;

fn check(written: &str, said: &str) {
    assert_eq!(normalise(written), said, "{written}");
}

#[test]
fn dates_and_times() {
    check("2026年6月28日17:05发布", "二零二六年六月二十八日十七点零五分发布");
    check("2026-06-08 08:00", "二零二六年六月八日八点整");
    check("2:30至14:00", "两点三十分到十四点整");
    check("00:15:30", "零点十五分三十秒");
    check("6月28日20时至29日8时", "六月二十八日二十时至二十九日八时");
    check("比例16:9", "比例十六：九");
}

#[test]
fn ranges_units_and_signs() {
    check("阵风8-10级", "阵风八到十级");
    check("阵风8～10级", "阵风八到十级");
    check("降雨50毫米以上", "降雨五十毫米以上");
    check("雨强35.5mm/h", "雨强三十五点五毫米每小时");
    check("流量1,200m³/s", "流量一千两百立方米每秒");
    check("流量3 m3/s。", "流量三立方米每秒。");
    check("-3℃~5℃", "零下三摄氏度到五摄氏度");
    check("-5~-3℃", "零下五到零下三摄氏度");
    check("负荷-3", "负荷负三");
    check("湿度30%-50%", "湿度百分之三十到百分之五十");
    check("≥100mm", "大于等于一百毫米");
    check("水位33.50m", "水位三十三点五零米");
    check("1/3的村", "三分之一的村");
}

#[test]
fn two_is_liang_before_what_is_counted() {
    check("未来2小时", "未来两小时");
    check("2级", "二级");
    check("12户", "十二户");
    check("2个村2日2号", "两个村二日二号");
    check("2m深", "两米深");
    check("2℃", "二摄氏度");
    check("200人", "两百人");
}

#[test]
fn telephone_and_road_numbers() {
    check("请拨打0730-7622110", "请拨打零七三零，七六二二幺幺零");
    check("拨打119", "拨打幺幺九");
    check("电话：13812345678", "电话：幺三八幺二三四五六七八");
    check("12379平台", "幺二三七九平台");
    check("G107国道S201线", "G幺零七国道S二零幺线");
    check("119毫米", "一百一十九毫米");
}

#[test]
fn letters_and_signs() {
    check("Ⅲ级响应", "三级响应");
    check("Ⅳ级", "四级");
    check("LED屏", "LED屏");
    check("ＧＰＳ１２", "GPS幺二");
    check("详见http://a.example/x?y=1。", "详见网址。");
    check("雨大,快走!", "雨大，快走！");
    check("（橙色）【预警】", "橙色，预警，");
}

#[test]
fn mark_up_and_control_characters_lose_their_power() {
    check("水<break time=\"5s\"/>涨", "水涨");
    check("水<speak>涨</speak>", "水涨");
    check("[v10]水\u{0}\u{202e}涨\u{7}", "V幺零，水涨");
    check("水涨\n\n快走", "水涨。快走");
    check("<", "");
    check("水<b", "水");
    check("雨>50毫米", "雨大于五十毫米");
}

#[test]
fn nothing_makes_it_panic() {
    for text in [
        "",
        "-",
        "1/",
        "1:",
        "1.",
        ",",
        "2026-",
        "99:99",
        "１２：",
        "1,2,3,4",
        "\u{10ffff}",
        "½",
        "²",
    ] {
        drop(normalise(text));
    }
}
