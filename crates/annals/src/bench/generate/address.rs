//! Network addresses from ranges that nobody owns: those for benchmarks, shared and private networks, and documentation.

use std::fmt::Write;

use super::draw::Draw;

/// Seven in ten are of version 4.
pub fn address_of(draw: &mut Draw) -> String {
    let [a, b, c, ..] = draw.bits().to_le_bytes();
    let mut text = String::with_capacity(40);
    // Writing to a String cannot fail.
    let _ = match draw.below(10) {
        0..3 => write!(text, "198.{}.{b}.{c}", 18 + a % 2),
        3..6 => write!(text, "100.{}.{b}.{c}", 64 + a % 64),
        6 => write!(text, "10.{a}.{b}.{c}"),
        _ => push_version_6(&mut text, draw),
    };
    text
}

fn push_version_6(text: &mut String, draw: &mut Draw) -> std::fmt::Result {
    text.push_str("2001:db8");
    let (network, host) = (draw.bits(), draw.bits());
    let parts = [network, network >> 16, host, host >> 16, host >> 32, host >> 48];
    parts.iter().try_for_each(|part| write!(text, ":{:x}", part & 0xffff))
}
