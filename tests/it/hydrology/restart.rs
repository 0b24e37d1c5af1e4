//! Sums over hours go on after `kill -9` as if nothing had happened.

use super::*;

const RAIN: &str = "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds
61234567,示例河道站,河道,430621100000,,,,90,上游 橙 #11A01 雨量:70000001>=50/3h & 水位>=33
70000001,示例雨量站,雨量,430621104000,,,,90,雨三 黄 雨量>=50/3h
";

/// A report of the gauge: rain since it was set up, tenths of a millimetre.
fn rain(serial: u16, observed: &str, tenths: u32) -> Vec<u8> {
    report("0070000001", 0x32, serial, observed, &format!("2619{tenths:06}"))
}

fn headlines(gateway: &Gateway) -> Vec<String> {
    let told = alerts(gateway);
    let mut lines: Vec<String> =
        told.iter().map(|alert| alert["headline"].as_str().unwrap().to_owned()).collect();
    lines.sort();
    lines
}

#[test]
fn sums_of_rain_outlive_a_kill_at_every_report() {
    let (mut gateway, listen) = ready_with("rain-restart", RAIN);
    let again = |gateway: &mut Gateway| {
        gateway.kill();
        gateway.restart();
        Station::connect(listen)
    };
    let gauge = |station: &mut Station, serial, observed: &str, tenths| {
        station.send("0070000001", serial, &rain(serial, observed, tenths));
    };
    let (first, second, third) = (minutes_ago(100), minutes_ago(50), minutes_ago(0));
    let mut station = Station::connect(listen);
    gauge(&mut station, 1, &first, 1_000);
    let mut station = again(&mut gateway);
    gauge(&mut station, 2, &second, 1_300);
    let mut station = again(&mut gateway);
    station.report(3, 33_500);
    let mut station = again(&mut gateway);
    assert_eq!(headlines(&gateway), [""; 0], "30 mm are no warning");
    // The page shows the last values without waiting for the next report.
    let views = gateway.get("/stations").to_string();
    assert!(views.contains("33.5") && views.contains("130"), "{views}");
    gauge(&mut station, 4, &third, 1_555);
    let expected = [
        "示例雨量站3小时降雨55.5毫米，山洪灾害黄色预警",
        "示例雨量站3小时降雨55.5毫米，示例河道站洪水橙色预警",
    ];
    assert_eq!(headlines(&gateway), expected);
    let record = gateway.get("/record?limit=1000").to_string();
    for named in ["70000001 示例雨量站", "70000001 累计雨量（PT）=155.5", "水位（Z）=33.5"]
    {
        assert!(record.contains(named), "the evidence does not say {named}: {record}");
    }
    // Neither the same report nor the start says it again.
    let mut station = again(&mut gateway);
    gauge(&mut station, 4, &third, 1_555);
    assert_eq!(headlines(&gateway), expected);
    // Without the file sums begin anew, and everything else goes on.
    gateway.kill();
    let windows = gateway.configs().join("var/record.db-windows");
    assert!(windows.exists());
    std::fs::write(&windows, b"a disk that lost its mind").unwrap();
    gateway.restart();
    let mut station = Station::connect(listen);
    station.report(5, 33_600);
    assert_eq!(headlines(&gateway), expected);
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}
