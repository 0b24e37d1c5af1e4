//! The report to be signed. Lists are bounded, so it is small whatever it tells of; the font is
//! embedded with the characters that are used.

use super::document::draw;
use super::font::{FontFile, find_font};
use super::layout::{Column, Item, Layout, MARGIN, PAGE_HEIGHT, PAGE_WIDTH, width};
use super::local::local_minute;
use super::missed::{self, MISSED_LISTED_MAX};
use super::{Directory, Heading, ReportFault, local_time, proof_line};
use crate::model::AreaCode;
use crate::record::audit::{Audit, OutcomeKind, Summary, Totals};
use std::io::Write;

/// Size of running text, points.
const TEXT: f32 = 10.0;
/// Size of tables, points.
const SMALL: f32 = 8.5;
/// Who was not reached: numbers and times stand there whole.
const MISSED: [Column<'static>; 7] = [
    ("终端编号", 2.6, false),
    ("名称", 3.0, false),
    ("乡镇", 1.5, false),
    ("次数", 0.9, true),
    ("最近一次", 2.5, false),
    ("结果", 2.2, false),
    ("联系人", 1.9, false),
];

pub(super) fn write(
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
    out: &mut dyn Write,
) -> Result<u64, ReportFault> {
    let font = FontFile::read(&find_font(heading.font_file.as_deref())?)?;
    let summary = audit.summary(&heading.filter)?;
    let mut layout = Layout::new();
    opening(&mut layout, heading, directory, &summary);
    townships(&mut layout, directory, &summary);
    missing(&mut layout, audit, heading, directory)?;
    closing(&mut layout, audit)?;
    let mut pages = layout.pages();
    number(&mut pages);
    let title = format!("{}应急广播播发回执审计报告", heading.county);
    out.write_all(&draw(&pages, &title, &font)?)?;
    Ok(summary.totals.all())
}

fn opening(layout: &mut Layout, heading: &Heading, directory: &Directory, summary: &Summary) {
    layout.centred(&heading.county, 16.0);
    layout.centred("应急广播播发回执审计报告", 20.0);
    layout.space(10.0);
    layout.paragraph(&format!("审计期间：{}", missed::period(&heading.filter)), TEXT);
    layout.paragraph(&format!("审计范围：{}", missed::scope(&heading.filter, directory)), TEXT);
    let made = local_time(heading.made_at).chars().take(19).collect::<String>();
    layout.paragraph(&format!("生成时间：{made}    生成人：{}", heading.asked_by), TEXT);
    let totals = &summary.totals;
    let told = format!(
        "期间共播发 {} 次，应播 {} 终端次，已播完 {} 终端次（{}），已接收或播放中 {} 终端次。",
        summary.n_broadcasts,
        totals.all(),
        totals.of(OutcomeKind::Played),
        percent(totals),
        totals.of(OutcomeKind::Received) + totals.of(OutcomeKind::Playing),
    );
    layout.paragraph(&told, TEXT);
    layout.space(10.0);
}

/// Share of those that played to the end.
fn percent(totals: &Totals) -> String {
    let all = totals.all();
    if all == 0 {
        return "—".to_owned();
    }
    let tenths = totals.of(OutcomeKind::Played).saturating_mul(1000) / all;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

fn townships(layout: &mut Layout, directory: &Directory, summary: &Summary) {
    layout.paragraph("一、各乡镇汇总（终端次）", 12.0);
    layout.space(4.0);
    let kinds = [
        OutcomeKind::Played,
        OutcomeKind::Refused,
        OutcomeKind::Failed,
        OutcomeKind::Preempted,
        OutcomeKind::Cancelled,
        OutcomeKind::Expired,
        OutcomeKind::Unreachable,
    ];
    let mut columns = vec![("乡镇", 2.4, false), ("应播", 1.2, true)];
    columns.extend(kinds.map(|kind| (kind.chinese(), 1.2, true)));
    columns.extend([("未结束", 1.2, true), ("播完率", 1.3, true)]);
    let row = |name: String, totals: &Totals| {
        let named: u64 = kinds.iter().map(|kind| totals.of(*kind)).sum();
        let mut cells = vec![name, totals.all().to_string()];
        cells.extend(kinds.map(|kind| totals.of(kind).to_string()));
        cells.extend([(totals.all() - named).to_string(), percent(totals)]);
        cells
    };
    let lines = summary.townships.iter();
    let lines = lines.map(|line| row(township(directory, line.area), &line.totals));
    let all = [row("合计".to_owned(), &summary.totals)];
    layout.table(&columns, lines.chain(all), SMALL);
    layout.space(12.0);
}

fn township(directory: &Directory, area: AreaCode) -> String {
    directory.area(area)
}

fn missing(
    layout: &mut Layout,
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
) -> Result<(), ReportFault> {
    let missed = missed::missed(audit, heading)?;
    layout.paragraph("二、未播完的终端（待发送、已发送无回执、拒绝、故障、过期、未联通）", 12.0);
    layout.space(4.0);
    if missed.is_empty() {
        layout.paragraph("无。", TEXT);
        return Ok(());
    }
    let rows = missed.iter().take(MISSED_LISTED_MAX).map(|missed| {
        let place = missed.area.map(|area| directory.places(area).0).unwrap_or_default();
        let contact = directory.contact(missed.terminal);
        vec![
            missed.terminal.to_string(),
            directory.terminal(missed.terminal).to_owned(),
            place,
            missed.n.to_string(),
            local_minute(missed.last_at),
            missed.last.clone(),
            if contact.is_empty() { "—".to_owned() } else { contact.to_owned() },
        ]
    });
    layout.table(&MISSED, rows, SMALL);
    if missed.len() > MISSED_LISTED_MAX {
        let rest = missed.len() - MISSED_LISTED_MAX;
        let told = format!("共 {} 个终端，另有 {rest} 个见表格导出。", missed.len());
        layout.paragraph(&told, TEXT);
    }
    Ok(())
}

fn closing(layout: &mut Layout, audit: &Audit) -> Result<(), ReportFault> {
    let (seq, hash, n_unread) = proof_line(audit)?;
    layout.space(12.0);
    layout.keep(170.0);
    layout.paragraph("三、账本证明", 12.0);
    layout.paragraph(&format!("账本末行：{seq}"), TEXT);
    layout.paragraph(&format!("末行链值（SHA-256）：{hash}"), SMALL);
    if n_unread > 0 {
        layout.paragraph(&format!("有 {n_unread} 行本版本无法读取，未计入本报告。"), TEXT);
    }
    layout.paragraph("核验命令：", TEXT);
    layout.paragraph(&format!("mingluo record verify --head {seq}:{hash}"), SMALL);
    let told =
        "本报告依据该行及之前的账本生成；账本中此前任何一行被改动、删除或调换，核验都会报错。";
    layout.paragraph(told, SMALL);
    layout.signatures(&["值班员", "带班领导", "审计员"], 11.0);
    layout.signatures(&["日期", "日期", "日期"], 11.0);
    Ok(())
}

/// Which page of how many stands at the foot of each.
fn number(pages: &mut [Vec<Item>]) {
    let n_pages = pages.len();
    for (number, page) in (1..).zip(pages) {
        let words = format!("第 {number} 页　共 {n_pages} 页");
        let x = (PAGE_WIDTH - width(&words, SMALL)) / 2.0;
        page.push(Item::Text { x, y: PAGE_HEIGHT - MARGIN * 0.6, size: SMALL, words });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_stand_whole_in_their_columns() {
        let all: f32 = MISSED.iter().map(|(_, share, _)| share).sum();
        for (name, words) in [("终端编号", "430621100001-001"), ("最近一次", "2026-07-01 03:12")]
        {
            let share =
                MISSED.iter().find(|(column, _, _)| *column == name).map(|(_, share, _)| share);
            let room = (PAGE_WIDTH - 2.0 * MARGIN) * share.unwrap() / all - 6.0;
            assert!(width(words, SMALL) <= room, "{name}: {} of {room}", width(words, SMALL));
        }
    }
}
