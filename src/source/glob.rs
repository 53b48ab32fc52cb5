//! Patterns as DuckDB reads them: `*`, `?` and `[…]` in one part of a path, compared byte by byte.

/// Returns whether a path is a pattern.
#[must_use]
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Returns whether a name matches a part of a pattern without backslashes. A `[` without an end matches
/// nothing.
pub(super) fn matches(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    // The position after the last `*`, and how far that `*` has matched.
    let mut star = None;
    while let Some(&byte) = name.get(at) {
        let next = match pattern.get(of) {
            Some(b'*') => {
                of += 1;
                star = Some((of, at));
                continue;
            }
            Some(b'?') => Some(of + 1),
            Some(b'[') => match bracket(byte, pattern, of + 1) {
                None => return false,
                Some((true, behind)) => Some(behind),
                Some((false, _)) => None,
            },
            Some(known) if *known == byte => Some(of + 1),
            _ => None,
        };
        if let Some(next) = next {
            at += 1;
            of = next;
            continue;
        }
        let Some((behind, until)) = star else { return false };
        star = Some((behind, until + 1));
        (of, at) = (behind, until + 1);
    }
    pattern.get(of..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Returns whether a byte is in the bracket whose first byte is at `of`, and where the pattern goes on;
/// `None` if the bracket does not end. A leading `!` negates the bracket; a leading `]` is literal.
fn bracket(byte: u8, pattern: &[u8], mut of: usize) -> Option<(bool, usize)> {
    let is_turned = pattern.get(of) == Some(&b'!');
    of += usize::from(is_turned);
    let start = of;
    let mut is_one = false;
    loop {
        let &first = pattern.get(of)?;
        if first == b']' && of > start {
            return Some((is_one != is_turned, of + 1));
        }
        let (last, next) = match (pattern.get(of + 1), pattern.get(of + 2)) {
            (Some(b'-'), Some(&last)) if last != b']' => (last, of + 3),
            (None, _) => return None,
            _ => (first, of + 1),
        };
        // DuckDB compares signed bytes.
        is_one |= (first.cast_signed()..=last.cast_signed()).contains(&byte.cast_signed());
        of = next;
    }
}
