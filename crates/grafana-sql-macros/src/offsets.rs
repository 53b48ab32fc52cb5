//! The text being written and the way back from its positions to the text as the person wrote it.

use serde::{Deserialize, Serialize};

/// Maps byte offsets in the expanded text to byte offsets in the text as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offsets {
    /// Where the pieces of the expanded text start, ascending.
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    expanded: usize,
    original: usize,
    /// Copied byte for byte; otherwise all of it stands for what is at `original`.
    copied: bool,
}

impl Offsets {
    /// Bytes of memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pieces.len() * size_of::<Piece>()
    }

    /// The place in the text as written that the byte at `expanded` comes from: itself for copied text
    /// (also inside a macro's arguments), the start of the macro or variable for inserted text.
    #[must_use]
    pub fn to_original(&self, expanded: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.expanded <= expanded);
        match after.checked_sub(1).and_then(|at| self.pieces.get(at)) {
            Some(piece) if piece.copied => piece.original.saturating_add(expanded - piece.expanded),
            Some(piece) => piece.original,
            None => expanded,
        }
    }
}

/// The expanded text while it is being written.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) text: String,
    pub(super) offsets: Offsets,
    /// A quoted value was written last; it must not grow together with what follows.
    after_value: bool,
}

impl Output {
    /// Text taken over from `original` on.
    pub(super) fn copy(&mut self, text: &str, original: usize) {
        self.separate(text, original);
        let expanded = self.text.len();
        let continues = self.offsets.pieces.last().is_some_and(|last| {
            last.copied && original.checked_sub(last.original) == expanded.checked_sub(last.expanded)
        });
        if !continues && !text.is_empty() {
            self.offsets.pieces.push(Piece { expanded, original, copied: true });
        }
        self.text.push_str(text);
    }

    /// Text that stands for what is at `original`.
    pub(super) fn insert(&mut self, text: &str, original: usize) {
        self.separate(text, original);
        self.put(text, original);
    }

    /// A quoted value: kept apart from its neighbours by a space where they would become one token, as
    /// in `'a'` after `E`, or two literals side by side.
    pub(super) fn insert_value(&mut self, text: &str, original: usize) {
        if self.text.chars().next_back().is_some_and(joins) {
            self.put(" ", original);
        }
        self.put(text, original);
        self.after_value = true;
    }

    fn separate(&mut self, next: &str, original: usize) {
        if self.after_value && !next.is_empty() {
            self.after_value = false;
            if next.chars().next().is_some_and(joins) {
                self.put(" ", original);
            }
        }
    }

    fn put(&mut self, text: &str, original: usize) {
        let expanded = self.text.len();
        let continues =
            self.offsets.pieces.last().is_some_and(|last| !last.copied && last.original == original);
        if !continues && !text.is_empty() {
            self.offsets.pieces.push(Piece { expanded, original, copied: false });
        }
        self.text.push_str(text);
    }
}

fn joins(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '\'' | '"' | '`') || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_text_maps_to_its_place_and_inserted_text_to_its_start() {
        // "SELECT $x, y" with $x = 'abc'
        let mut output = Output::default();
        output.copy("SELECT ", 0);
        output.insert_value("'abc'", 7);
        output.copy(", ", 9);
        output.copy("y", 11);
        assert_eq!(output.text, "SELECT 'abc', y");
        let places: Vec<usize> =
            [0, 6, 7, 11, 12, 14, 15].iter().map(|at| output.offsets.to_original(*at)).collect();
        assert_eq!(places, [0, 6, 7, 7, 9, 11, 12]);
        assert_eq!(output.offsets.pieces.len(), 3);
        assert_eq!(Offsets::default().to_original(5), 5);
    }

    #[test]
    fn values_do_not_grow_together_with_their_neighbours() {
        let mut output = Output::default();
        output.copy("E", 0);
        output.insert_value("'a'", 1);
        output.copy("'b'", 3);
        assert_eq!(output.text, "E 'a' 'b'");
    }
}
