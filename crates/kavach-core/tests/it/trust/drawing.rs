//! A curve as SVG.

use std::fmt::Write;

use kavach_core::{TrustLevel, TrustScore};

use super::traffic::DAYS;

const LEFT: u32 = 84;
const TOP: u32 = 34;
const WIDE: u32 = 600;
const HIGH: u32 = 240;
/// From the lowest level to the highest.
const FILLS: [&str; 5] = ["#f6d5d1", "#fae8cf", "#f2f0ea", "#dfeed9", "#c9e4c3"];

/// The scores of each evening, over the levels.
pub(super) fn svg(title: &str, scores: &[TrustScore]) -> String {
    let mut out = String::new();
    let (width, height) = (LEFT + WIDE + 16, TOP + HIGH + 40);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <title>{title}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{title}</text>"
    );
    for (level, fill) in TrustLevel::ALL.iter().zip(FILLS) {
        let within: Vec<u32> = (0..=100).filter(|score| is(*score, *level)).collect();
        let (least, most) = (within[0], within[within.len() - 1]);
        let top = y(if most == 100 { 100 } else { most + 1 });
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{WIDE}\" height=\"{}\" fill=\"{fill}\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{level}</text>",
            y(least) - top,
            LEFT - 24,
            (top + y(least)) / 2 + 4,
        );
        if least > 0 {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#777\">{least}</text>",
                LEFT - 4,
                y(least) + 4,
            );
        }
    }
    for day in (0..=DAYS).step_by(7) {
        let _ = writeln!(
            out,
            "<line x1=\"{0}\" y1=\"{TOP}\" x2=\"{0}\" y2=\"{1}\" stroke=\"#fff\"/>\n\
             <text x=\"{0}\" y=\"{2}\" text-anchor=\"middle\">{day}</text>",
            x(day),
            TOP + HIGH,
            TOP + HIGH + 16,
        );
    }
    let points: Vec<String> = (0..)
        .zip(scores)
        .map(|(day, score)| format!("{},{}", x(day), y(score.score.into())))
        .collect();
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">days since it was created</text>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#1f4e79\" stroke-width=\"2\"/>\n</svg>",
        LEFT + WIDE / 2,
        TOP + HIGH + 34,
        points.join(" "),
    );
    out
}

fn is(score: u32, level: TrustLevel) -> bool {
    TrustLevel::of_score(u8::try_from(score).unwrap()) == level
}

fn x(day: u32) -> u32 {
    LEFT + day * WIDE / DAYS
}

/// Rounded to whole points of the picture: 2.4 for each of the score.
fn y(score: u32) -> u32 {
    TOP + HIGH - score * HIGH / 100
}
