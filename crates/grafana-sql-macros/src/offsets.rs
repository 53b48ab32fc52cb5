//! Writes the expanded text, and maps its positions back to the original text.

use serde::{Deserialize, Serialize};

/// Maps byte offsets in the expanded text to byte offsets in the text as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offsets {
    /// The pieces of the expanded text, in ascending order.
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    expanded: usize,
    original: usize,
    /// Whether the piece is copied byte for byte; otherwise all of it stands for the text at `original`.
    copied: bool,
}

impl Offsets {
    /// Returns the bytes of memory in use.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pieces.len() * size_of::<Piece>()
    }

    /// Returns the position in the original text for the byte at `expanded`: the same byte for copied text
    /// (also in a macro's arguments), the start of the macro or variable for inserted text.
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

/// The expanded text that is being written.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) text: String,
    pub(super) offsets: Offsets,
    /// Whether a quoted value was written last; it must not merge with the text that follows.
    after_value: bool,
}

impl Output {
    /// Copies text from position `original`.
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

    /// Inserts text that stands for the text at `original`.
    pub(super) fn insert(&mut self, text: &str, original: usize) {
        self.separate(text, original);
        self.put(text, original);
    }

    /// Inserts a quoted value. A space separates it from text with which it would merge into one token, such
    /// as an `E` before `'a'`, or another literal.
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
        // "SELECT $x, y" with $x = 'abc'.
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
