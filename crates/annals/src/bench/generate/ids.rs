//! Identifiers in the two shapes that products use. The bits come from the caller.

use super::draw::Draw;

/// 26 characters of Crockford's base 32: 48 bits of milliseconds, 80 random bits.
pub fn push_ulid(text: &mut String, milliseconds: u64, draw: &mut Draw) {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let random = (u128::from(draw.bits()) << 64 | u128::from(draw.bits())) >> 48;
    let number = u128::from(milliseconds) << 80 | random;
    text.extend((0..26).rev().map(|place| char::from(DIGITS[(number >> (5 * place)) as usize & 31])));
}

/// 36 characters, 122 random bits: version 4.
pub fn push_uuid(text: &mut String, draw: &mut Draw) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    const VERSION: u128 = 0x4 << 76;
    const VARIANT: u128 = 0x2 << 62;
    let random = u128::from(draw.bits()) << 64 | u128::from(draw.bits());
    let number = random & !(0xf << 76) & !(0x3 << 62) | VERSION | VARIANT;
    for place in (0..32).rev() {
        text.push(char::from(DIGITS[(number >> (4 * place)) as usize & 15]));
        if [24, 20, 16, 12].contains(&place) {
            text.push('-');
        }
    }
}
