//! Reads Markdown as far as the tests of the guide need it: fenced blocks with their info words, headings and
//! links; and puts new text into a block. Not a Markdown parser: indented code and HTML are text to it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

/// A document of the project.
#[derive(Debug)]
pub(super) struct Document {
    /// Relative to the project's folder, for messages.
    pub name: String,
    pub path: PathBuf,
    pub blocks: Vec<Block>,
    /// Level, text and line of each heading.
    pub headings: Vec<(usize, String, usize)>,
    /// Target and line of each link and picture.
    pub links: Vec<(String, usize)>,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// `docs/guide.md:12`, for messages.
    pub place: String,
    /// Line of the opening fence, from 0.
    pub line: usize,
    /// The how-manyth block of its document it is, from 0: that stays the same when other blocks grow.
    pub number: usize,
    /// Spaces before the fence.
    pub indent: usize,
    pub language: String,
    /// The words after the language.
    pub words: Vec<String>,
    pub text: String,
}

impl Block {
    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|found| found == word)
    }

    /// The value of `key=value`.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// Name and value of each `prefix:name=value`.
    pub(super) fn pairs(&self, prefix: &str) -> Vec<(String, String)> {
        let pair = |word: &String| {
            let (name, value) = word.strip_prefix(prefix)?.strip_prefix(':')?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        self.words.iter().filter_map(pair).collect()
    }

    /// The texts of all `rawSql` in a YAML block. None when it does not parse, which another test finds.
    pub(super) fn queries(&self) -> Vec<String> {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("rawSql").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|member| walk(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        let read = serde_saphyr::from_multiple::<Value>(&self.text);
        read.iter().flatten().for_each(|value| walk(value, &mut found));
        found
    }

    /// The first word, which says what the block is for: `result`, `error`, `no-run`.
    pub(super) fn role(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// `README.md` and everything under `docs`, in a fixed order.
pub(super) fn documents() -> Vec<Document> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md")];
    walk(&root.join("docs"), &mut paths);
    paths.sort();
    assert!(paths.len() > 3, "only {} documents", paths.len());
    paths.iter().map(|path| read(root, path)).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Document {
    let name = path.strip_prefix(root).unwrap().display().to_string();
    parse(&name, path, &std::fs::read_to_string(path).unwrap())
}

fn parse(name: &str, path: &Path, text: &str) -> Document {
    let mut document = Document {
        name: name.to_owned(),
        path: path.to_owned(),
        blocks: Vec::new(),
        headings: Vec::new(),
        links: Vec::new(),
    };
    let mut open: Option<(Block, String)> = None;
    for (at, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let ticks = bare.len() - bare.trim_start_matches('`').len();
        match &mut open {
            Some((block, fence)) => {
                if bare.trim_end() == fence.as_str() {
                    document.blocks.extend(open.take().map(|(block, _)| block));
                } else {
                    let inner = line.get(block.indent..).unwrap_or(bare);
                    block.text.push_str(inner);
                    block.text.push('\n');
                }
            }
            None if ticks >= 3 => {
                let mut words = words(&bare[ticks..]);
                let language = if words.is_empty() { String::new() } else { words.remove(0) };
                let place = format!("{name}:{}", at + 1);
                let number = document.blocks.len();
                let block = Block { place, line: at, number, indent, language, words, text: String::new() };
                open = Some((block, "`".repeat(ticks)));
            }
            None => {
                let level = bare.len() - bare.trim_start_matches('#').len();
                if (1..=6).contains(&level) && bare[level..].starts_with(' ') {
                    document.headings.push((level, bare[level..].trim().to_owned(), at));
                }
                document.links.extend(links(line).into_iter().map(|target| (target, at)));
            }
        }
    }
    assert!(open.is_none(), "{name}: a block is not closed");
    document
}

/// Words of an info string; quotes may hold spaces, and a backslash takes the next character as it is.
fn words(info: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    let mut chars = info.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Targets of `[text](target)` and `![text](target)`, code spans left out.
fn links(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect();
    let mut found = Vec::new();
    let mut rest = prose.as_str();
    while let Some((_, after)) = rest.split_once("](") {
        let Some((target, behind)) = after.split_once(')') else { break };
        found.push(target.split_whitespace().next().unwrap_or_default().to_owned());
        rest = behind;
    }
    found
}

/// The anchor that GitHub gives a heading.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Puts `texts` into the blocks of these numbers. Tests do so side by side.
pub(super) fn rewrite(path: &Path, texts: &[(usize, String)]) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let old = std::fs::read_to_string(path).unwrap();
    let blocks = parse("", path, &old).blocks;
    let mut new: Vec<String> = Vec::new();
    let mut lines = old.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        new.push(line.to_owned());
        let block = blocks.iter().find(|block| block.line == at);
        let found = block.and_then(|block| texts.iter().find(|(number, _)| *number == block.number));
        let (Some(block), Some((_, text))) = (block, found) else { continue };
        let indent = " ".repeat(block.indent);
        new.extend(text.lines().map(|inner| format!("{indent}{inner}").trim_end().to_owned()));
        lines.by_ref().take(block.text.lines().count()).for_each(drop);
    }
    std::fs::write(path, new.join("\n") + "\n").unwrap();
}

#[test]
fn blocks_headings_and_links() {
    let text = "# A `b` c\n[x](y.md#z) `[no](no)` ![p](p.png)\n\n  ```sql var:p=\"a b\" format=x fails\n  SELECT 1\n    , 2\n  ```\n## D-e\n";
    let document = parse("d.md", Path::new("d.md"), text);
    let block = &document.blocks[0];
    assert_eq!((block.language.as_str(), block.text.as_str()), ("sql", "SELECT 1\n  , 2\n"));
    assert_eq!((block.place.as_str(), block.line, block.indent), ("d.md:4", 3, 2));
    assert_eq!(block.pairs("var"), [("p".to_owned(), "a b".to_owned())]);
    assert_eq!((block.value("format"), block.has("fails"), block.has("x")), (Some("x"), true, false));
    assert_eq!(document.headings, [(1, "A `b` c".to_owned(), 0), (2, "D-e".to_owned(), 7)]);
    assert_eq!(document.links, [("y.md#z".to_owned(), 1), ("p.png".to_owned(), 1)]);
    assert_eq!(anchor("A `b` c, d-e"), "a-b-c-d-e");
}

#[test]
fn rewriting_keeps_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.md");
    std::fs::write(&file, "a\n```sql\nSELECT 1\n```\n\n  ```text result\n  old\n  ```\nb\n").unwrap();
    rewrite(&file, &[(1, "new\n\n one\n".to_owned())]);
    let new = std::fs::read_to_string(&file).unwrap();
    assert_eq!(new, "a\n```sql\nSELECT 1\n```\n\n  ```text result\n  new\n\n   one\n  ```\nb\n");
}
