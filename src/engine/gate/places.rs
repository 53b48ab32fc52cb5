//! Texts composed from pieces of another text, and how to map their positions back.

use std::ops::Range;

/// Maps byte offsets in a text to byte offsets in the text that it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(
    /// Where each piece starts in the text, and in the original; ascending.
    Vec<(usize, usize)>,
);

impl Places {
    /// Returns the map from `end` to `sql`. DuckDB made `end` from the end of `sql`: it is equal, with plain
    /// spaces for some Unicode spaces. Returns `None` if `end` is something else.
    pub(super) fn of_end(sql: &str, end: &str) -> Option<Self> {
        let (mut there, mut here) = (sql.len(), end.len());
        let mut pieces = Vec::new();
        while let Some(byte) = here.checked_sub(1).and_then(|at| end.as_bytes().get(at)) {
            let before = sql.get(..there)?;
            if before.as_bytes().last() == Some(byte) {
                // Whole characters of the end are compared, so that `before` is always cut between two
                // characters.
                let length = before.chars().next_back()?.len_utf8();
                if here < length
                    || end.as_bytes().get(here - length..here) != sql.as_bytes().get(there - length..there)
                {
                    return None;
                }
                (there, here) = (there - length, here - length);
                continue;
            }
            let replaced = before.chars().next_back().filter(|c| !c.is_ascii() && *byte == b' ')?;
            pieces.push((here, there));
            (there, here) = (there - replaced.len_utf8(), here - 1);
        }
        pieces.push((0, there));
        pieces.reverse();
        Some(Self(pieces))
    }

    /// Returns the offset in the original from which `at` comes.
    pub(super) fn back(&self, at: usize) -> usize {
        let after = self.0.partition_point(|(here, _)| *here <= at);
        let next = self.0.get(after).map_or(usize::MAX, |(_, there)| *there);
        match after.checked_sub(1).and_then(|piece| self.0.get(piece)) {
            // Inserted text maps to the position where it was inserted.
            Some((here, there)) => (there + (at - here)).min(next),
            None => at,
        }
    }
}

/// A text composed from pieces of `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Composed<'a> {
    source: &'a str,
    pub(super) text: String,
    pub(super) places: Places,
}

impl<'a> Composed<'a> {
    pub(super) fn of(source: &'a str) -> Self {
        Self { source, text: String::with_capacity(source.len() + 64), places: Places::default() }
    }

    /// Copies a piece; ignores a range outside the source.
    pub(super) fn copy(&mut self, piece: Range<usize>) {
        let start = piece.start;
        if let Some(text) = self.source.get(piece) {
            self.places.0.push((self.text.len(), start));
            self.text.push_str(text);
        }
    }

    /// Inserts a text that belongs at `place` of the source.
    pub(super) fn insert(&mut self, text: &str, place: usize) {
        self.places.0.push((self.text.len(), place));
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_from_plain_spaces() {
        let sql = "-- x\n\u{a0}SELECT\u{2003}'ä\u{a0}' x\u{3000}";
        let end = "SELECT 'ä\u{a0}' x ";
        let places = Places::of_end(sql, end).unwrap();
        for (at, c) in end.char_indices().filter(|(_, c)| *c != ' ') {
            assert_eq!(sql.get(places.back(at)..).and_then(|rest| rest.chars().next()), Some(c), "{at}");
        }
        assert_eq!(places.back(end.len()), sql.len());
        assert_eq!(Places::of_end("SELECT 1", "SELECT 1"), Some(Places(vec![(0, 0)])));
        assert_eq!(Places::of_end("SELECT 1", "SELECT 2"), None);
        assert_eq!(Places::of_end("1", "SELECT 1"), None);
    }

    #[test]
    fn the_way_back_from_what_was_put_together() {
        let mut composed = Composed::of("abcdef");
        composed.insert("((", 2);
        composed.copy(2..4);
        composed.insert(") and more", 4);
        composed.copy(4..6);
        assert_eq!(composed.text, "((cd) and moreef");
        let back: Vec<usize> = (0..composed.text.len()).map(|at| composed.places.back(at)).collect();
        assert_eq!(back, [2, 2, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5]);
    }
}
