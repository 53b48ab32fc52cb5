//! Unicode spaces. DuckDB replaces them by plain spaces before its scanner reads the text, by its own rules:
//! in `'…'`, `"…"`, dollar quotes and `--` comments they stay, but these rules do not know block comments and
//! backticks. So a quote in a block comment or in backticks affects the spaces after it. A space that stays
//! is part of an identifier.

/// The context of a position in the text, by these rules.
enum Place {
    Code,
    /// Inside quotes of this kind.
    Quoted(u8),
    /// Inside `$tag$`; the range is that of the tag.
    DollarQuoted(std::ops::Range<usize>),
    LineComment,
}

/// Returns the byte offsets of the Unicode spaces in `sql` that DuckDB replaces, in order.
pub(super) fn replaced(sql: &str) -> Vec<usize> {
    let mut found = Vec::new();
    if sql.is_ascii() {
        return found;
    }
    let bytes = sql.as_bytes();
    let mut place = Place::Code;
    let mut at = 0;
    // DuckDB checks the last two bytes only together with the ones before them.
    while at + 2 < bytes.len() {
        let (byte, next) = (at_or_zero(bytes, at), at_or_zero(bytes, at + 1));
        match &place {
            Place::Code => match byte {
                b'"' | b'\'' => place = Place::Quoted(byte),
                b'$' if next == b'$' || (is_tag(next) && !next.is_ascii_digit()) => {
                    let start = at + 1;
                    at = start;
                    while at + 2 < bytes.len() && is_tag(at_or_zero(bytes, at)) {
                        at += 1;
                    }
                    if at + 2 < bytes.len() && at_or_zero(bytes, at) == b'$' {
                        place = Place::DollarQuoted(start..at);
                    }
                    // The character that ended the tag is checked on its own.
                    continue;
                }
                b'-' if next == b'-' => place = Place::LineComment,
                _ if is_unicode_space(bytes.get(at..).unwrap_or_default()) => found.push(at),
                _ => {}
            },
            Place::Quoted(quote) if byte == *quote => {
                if next == byte {
                    at += 1;
                } else {
                    place = Place::Code;
                }
            }
            Place::DollarQuoted(tag) if byte == b'$' => {
                let end = at + 1 + tag.len();
                if bytes.get(at + 1..end) == bytes.get(tag.clone()) && bytes.get(end) == Some(&b'$') {
                    at = end;
                    place = Place::Code;
                    // The `$` that ends a dollar quote may also begin the next one.
                    continue;
                }
            }
            Place::LineComment if matches!(byte, b'\n' | b'\r') => place = Place::Code,
            Place::Quoted(_) | Place::DollarQuoted(_) | Place::LineComment => {}
        }
        at += 1;
    }
    found
}

fn at_or_zero(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// Whether a byte may be in a dollar quote's tag.
fn is_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Whether the text starts with U+00A0, U+2000 to U+200B, U+202F, U+205F, U+2060, U+3000 or U+FEFF.
fn is_unicode_space(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xc2, 0xa0, ..]
            | [0xe2, 0x80, 0x80..=0x8b | 0xaf, ..]
            | [0xe2, 0x81, 0x9f | 0xa0, ..]
            | [0xe3, 0x80, 0x80, ..]
            | [0xef, 0xbb, 0xbf, ..]
    )
}
