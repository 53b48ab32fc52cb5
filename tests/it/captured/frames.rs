//! Frames as a worker that was taken over might send them: sound but for one thing.

use arrow::datatypes::Schema;
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::{
    Block, BodyCompressionBuilder, Buffer, CompressionType, FieldBuilder, FieldNode, FooterBuilder,
    KeyValueBuilder, MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder, SchemaBuilder, Type,
    Utf8Builder,
};
use duckdb_perf::frame;

/// More than any of these frames counts.
const MOST: u64 = 1 << 30;
const META: &str = r#"{"executedQueryString":"SELECT 1"}"#;

/// A frame in the making: one column of the texts `xy` and `z`, unless something is changed.
#[derive(Clone)]
pub(crate) struct Forged {
    pub rows: i64,
    /// Rows and nulls of the column.
    pub node: (i64, i64),
    /// Offsets and lengths.
    pub buffers: Vec<(i64, i64)>,
    pub body: Vec<u8>,
    pub compression: Option<CompressionType>,
    /// Batches in the file.
    pub batches: usize,
    /// What the footer says of them; as they are when empty.
    pub blocks: Vec<(i64, i32, i64)>,
    /// How often the footer names the column, and the column's name.
    pub fields: usize,
    pub name: String,
    pub nullable: bool,
    /// Metadata of the schema and of the column.
    pub of_schema: Vec<(String, String)>,
    pub of_field: Vec<(String, String)>,
    pub dictionaries: usize,
}

impl Default for Forged {
    fn default() -> Self {
        let mut body: Vec<u8> = [0_i32, 2, 3, 0].into_iter().flat_map(i32::to_le_bytes).collect();
        body.extend(b"xyz\0\0\0\0\0");
        Self {
            rows: 2,
            node: (2, 0),
            buffers: vec![(0, 0), (0, 12), (16, 3)],
            body,
            compression: None,
            batches: 1,
            blocks: Vec::new(),
            fields: 1,
            name: "a".to_owned(),
            nullable: true,
            of_schema: vec![("meta".to_owned(), META.to_owned())],
            of_field: Vec::new(),
            dictionaries: 0,
        }
    }
}

/// The way to a flatbuffer builder without naming its crate.
macro_rules! builder {
    ($encoder:ident, $builder:ident) => {
        let mut $encoder = IpcSchemaEncoder::new();
        let mut $builder = $encoder.schema_to_fb(&Schema::empty());
        $builder.reset();
    };
}

impl Forged {
    /// The file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = b"ARROW1\0\0".to_vec();
        let mut blocks = Vec::new();
        for _ in 0..self.batches {
            let header = self.header();
            blocks.push(Block::new(
                file.len().try_into().unwrap(),
                header.len().try_into().unwrap(),
                self.body.len().try_into().unwrap(),
            ));
            file.extend(header);
            file.extend(&self.body);
        }
        if !self.blocks.is_empty() {
            blocks = self.blocks.iter().map(|&(offset, meta, body)| Block::new(offset, meta, body)).collect();
        }
        let footer = self.footer(&blocks);
        file.extend(&footer);
        file.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
        file.extend(b"ARROW1");
        file
    }

    fn header(&self) -> Vec<u8> {
        builder!(encoder, builder);
        let nodes = builder.create_vector(&[FieldNode::new(self.node.0, self.node.1)]);
        let buffers: Vec<Buffer> =
            self.buffers.iter().map(|&(offset, length)| Buffer::new(offset, length)).collect();
        let buffers = builder.create_vector(&buffers);
        let compression = self.compression.map(|codec| {
            let mut compression = BodyCompressionBuilder::new(&mut builder);
            compression.add_codec(codec);
            compression.finish()
        });
        let batch = {
            let mut batch = RecordBatchBuilder::new(&mut builder);
            batch.add_length(self.rows);
            batch.add_nodes(nodes);
            batch.add_buffers(buffers);
            if let Some(compression) = compression {
                batch.add_compression(compression);
            }
            batch.finish().as_union_value()
        };
        let message = {
            let mut message = MessageBuilder::new(&mut builder);
            message.add_version(MetadataVersion::V5);
            message.add_header_type(MessageHeader::RecordBatch);
            message.add_bodyLength(self.body.len().try_into().unwrap());
            message.add_header(batch);
            message.finish()
        };
        builder.finish(message, None);
        let mut message = builder.finished_data().to_vec();
        message.resize(message.len().next_multiple_of(8), 0);
        let mut header = vec![0xff; 4];
        header.extend(u32::try_from(message.len()).unwrap().to_le_bytes());
        header.extend(message);
        header
    }

    fn footer(&self, blocks: &[Block]) -> Vec<u8> {
        builder!(encoder, builder);
        let mut pairs = |pairs: &[(String, String)]| {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(key, value)| {
                    let (key, value) = (builder.create_string(key), builder.create_string(value));
                    let mut pair = KeyValueBuilder::new(&mut builder);
                    pair.add_key(key);
                    pair.add_value(value);
                    pair.finish()
                })
                .collect();
            builder.create_vector(&pairs)
        };
        let (of_schema, of_field) = (pairs(&self.of_schema), pairs(&self.of_field));
        let name = builder.create_string(&self.name);
        let text = Utf8Builder::new(&mut builder).finish().as_union_value();
        let field = {
            let mut field = FieldBuilder::new(&mut builder);
            field.add_name(name);
            field.add_nullable(self.nullable);
            field.add_type_type(Type::Utf8);
            field.add_type_(text);
            field.add_custom_metadata(of_field);
            field.finish()
        };
        let fields = builder.create_vector(&vec![field; self.fields]);
        let schema = {
            let mut schema = SchemaBuilder::new(&mut builder);
            schema.add_fields(fields);
            schema.add_custom_metadata(of_schema);
            schema.finish()
        };
        let batches = builder.create_vector(blocks);
        let dictionaries = builder.create_vector(&vec![Block::new(8, 8, 8); self.dictionaries]);
        let footer = {
            let mut footer = FooterBuilder::new(&mut builder);
            footer.add_version(MetadataVersion::V5);
            footer.add_schema(schema);
            footer.add_dictionaries(dictionaries);
            footer.add_recordBatches(batches);
            footer.finish()
        };
        builder.finish(footer, None);
        builder.finished_data().to_vec()
    }
}

/// A buffer that says it holds 64 TiB when it is uncompressed: Grafana's reader would allocate them.
pub(crate) fn of_64_tebibytes() -> Forged {
    let mut body = 64_i64.checked_shl(40).unwrap().to_le_bytes().to_vec();
    body.resize(24, 0);
    let buffers = vec![(0, 0), (0, 24), (0, 24)];
    Forged { body, buffers, compression: Some(CompressionType::ZSTD), ..Forged::default() }
}

/// Half a gigabyte of columns for a reader, in two megabytes.
pub(crate) fn of_one_field_many_times() -> Forged {
    Forged { fields: 500_000, batches: 0, ..Forged::default() }
}

/// A text that leads out of its buffer, which panics in Grafana.
pub(crate) fn of_a_text_outside() -> Forged {
    let mut body: Vec<u8> = [0_i32, 1_000, 3, 0].into_iter().flat_map(i32::to_le_bytes).collect();
    body.extend(b"xyz\0\0\0\0\0");
    Forged { body, ..Forged::default() }
}

/// Statistics that take a hundred times their length in Grafana.
pub(crate) fn of_much_meta() -> Forged {
    let meta = format!(r#"{{"executedQueryString":"","stats":[{}{{}}]}}"#, "{},".repeat(500_000));
    Forged { of_schema: vec![("meta".to_owned(), meta)], ..Forged::default() }
}

fn pairs(key: &str, value: &str) -> Vec<(String, String)> {
    vec![(key.to_owned(), value.to_owned())]
}

/// The second row is null.
fn marked() -> Forged {
    let body = [&[1; 8][..], &Forged::default().body].concat();
    Forged { node: (2, 1), body, buffers: vec![(0, 1), (8, 12), (24, 3)], ..Forged::default() }
}

#[test]
fn sound_frames_pass() {
    let sound = Forged::default();
    let labelled = Forged { of_field: pairs("labels", r#"{"a":"b"}"#), ..sound.clone() };
    for (rows, forged) in [
        (2, sound.clone()),
        (4, Forged { batches: 2, ..sound.clone() }),
        (0, Forged { batches: 0, ..sound.clone() }),
        (2, labelled),
        (2, Forged { of_field: pairs("config", r#"{"displayNameFromDS":"b"}"#), ..sound.clone() }),
        (2, marked()),
        (0, Forged { rows: 0, node: (0, 0), buffers: vec![(0, 0); 3], ..sound.clone() }),
    ] {
        assert_eq!(frame::check(&forged.file(), MOST).unwrap(), rows);
        assert_eq!(frame::decode(&forged.file()).unwrap().rows() as u64, rows);
    }
}

#[test]
fn frames_that_are_not_sound_do_not() {
    let sound = Forged::default();
    let body = |offsets: [i32; 4]| {
        let offsets = offsets.into_iter().flat_map(i32::to_le_bytes).collect::<Vec<_>>();
        [&offsets[..], b"xyz\0\0\0\0\0"].concat()
    };
    let buffers = |buffers: [(i64, i64); 3]| Forged { buffers: buffers.to_vec(), ..sound.clone() };
    let header = i32::try_from(sound.header().len()).unwrap();
    let blocks = |blocks: &[(i64, i32, i64)]| Forged { blocks: blocks.to_vec(), ..sound.clone() };
    for (what, forged) in [
        ("64 TiB", of_64_tebibytes()),
        ("LZ4", Forged { compression: Some(CompressionType::LZ4_FRAME), ..sound.clone() }),
        ("one field many times", of_one_field_many_times()),
        (
            "one field twice, with a long name",
            Forged { fields: 2, name: "x".repeat(1_000), batches: 0, ..sound.clone() },
        ),
        (
            "one field twice, with long metadata",
            Forged {
                fields: 2,
                of_field: pairs("labels", &format!(r#"{{"a":"{}"}}"#, "x".repeat(1_000))),
                batches: 0,
                ..sound.clone()
            },
        ),
        ("much meta", of_much_meta()),
        (
            "unknown severity",
            Forged {
                of_schema: pairs(
                    "meta",
                    r#"{"executedQueryString":"","notices":[{"severity":"high","text":""}]}"#,
                ),
                ..sound.clone()
            },
        ),
        ("meta is no object", Forged { of_schema: pairs("meta", "[]"), ..sound.clone() }),
        ("other metadata", Forged { of_schema: pairs("x", "y"), ..sound.clone() }),
        ("labels that are no texts", Forged { of_field: pairs("labels", r#"{"a":[]}"#), ..sound.clone() }),
        ("another config", Forged { of_field: pairs("config", r#"{"links":[]}"#), ..sound.clone() }),
        ("an extension", Forged { of_field: pairs("ARROW:extension:name", "uuid"), ..sound.clone() }),
        ("dictionaries", Forged { dictionaries: 1, ..sound.clone() }),
        ("negative rows", Forged { rows: -1, node: (-1, 0), ..sound.clone() }),
        ("rows without values", Forged { rows: 1 << 40, node: (1 << 40, 0), ..sound.clone() }),
        ("most rows of all", Forged { rows: i64::MAX, node: (i64::MAX, 0), ..sound.clone() }),
        ("a column of other rows", Forged { node: (1, 0), ..sound.clone() }),
        ("more nulls than rows", Forged { node: (2, 3), ..marked() }),
        ("negative nulls", Forged { node: (2, -1), ..sound.clone() }),
        ("nulls without marks", Forged { node: (2, 1), ..sound.clone() }),
        ("nulls in a column without", Forged { nullable: false, ..marked() }),
        ("a text outside", of_a_text_outside()),
        ("a text that ends before it begins", Forged { body: body([2, 0, 3, 0]), ..sound.clone() }),
        ("a text before all", Forged { body: body([-1, 2, 3, 0]), ..sound.clone() }),
        ("texts beyond the end", Forged { body: body([0, 2, 4, 0]), ..sound.clone() }),
        ("too few places", buffers([(0, 0), (0, 8), (16, 3)])),
        ("a buffer beyond the body", buffers([(0, 0), (0, 12), (16, 9)])),
        ("a buffer far beyond", buffers([(0, 0), (0, 12), (16, i64::MAX)])),
        ("a buffer before the body", buffers([(0, 0), (-8, 12), (16, 3)])),
        ("a negative length", buffers([(0, 0), (0, 12), (16, -3)])),
        ("one buffer twice", buffers([(0, 0), (0, 24), (0, 24)])),
        ("an odd offset", buffers([(0, 0), (0, 12), (15, 3)])),
        ("too few buffers", Forged { buffers: vec![(0, 0), (0, 12)], ..sound.clone() }),
        ("too many buffers", Forged { buffers: vec![(0, 0), (0, 12), (16, 3), (24, 0)], ..sound.clone() }),
        ("more columns than there are", Forged { buffers: vec![], fields: 2, ..sound.clone() }),
        ("a batch twice", blocks(&[(8, header, 24), (8, header, 24)])),
        ("a batch beyond the file", blocks(&[(8, header, 1 << 40)])),
        ("a batch before the file", blocks(&[(-8, header, 24)])),
        ("a batch with a negative header", blocks(&[(8, -8, 24)])),
        ("a batch with another header", blocks(&[(8, header - 8, 24)])),
        ("a batch with another body", blocks(&[(8, header, 16)])),
        ("a batch in the magic word", blocks(&[(0, header, 24)])),
        ("an empty block", blocks(&[(8, 0, 0)])),
    ] {
        let error = frame::check(&forged.file(), MOST).expect_err(what);
        assert!(error.message.starts_with("a worker sent a frame that is not sound: "), "{what}: {error}");
        println!("{what}: {}", error.message);
    }
}

#[test]
fn files_that_are_cut_do_not() {
    let file = Forged::default().file();
    for (what, cut) in [
        ("no start", &file[1..]),
        ("no end", &file[..file.len() - 1]),
        ("nothing", &[]),
        ("both in one", b"ARROW1"),
    ] {
        frame::check(cut, MOST).expect_err(what);
    }
    let mut longer = file.clone();
    let at = longer.len() - 10;
    longer[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    frame::check(&longer, MOST).expect_err("a footer of 4 GB");
}

/// What passes can be read, whatever it is: random bytes in sound frames.
#[test]
fn what_passes_can_be_read() {
    let mut state = u64::from(std::process::id()) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let sound =
        Forged { of_field: vec![("labels".to_owned(), r#"{"a":"b"}"#.to_owned())], ..Forged::default() }
            .file();
    let (mut passed, mut read) = (0, 0);
    for _ in 0..200_000 {
        let mut file = sound.clone();
        for _ in 0..=next(3) {
            let at = next(file.len());
            file[at] = u8::try_from(next(256)).unwrap();
        }
        if frame::check(&file, MOST).is_ok() {
            passed += 1;
            read += usize::from(frame::decode(&file).is_ok());
        }
    }
    println!("{passed} passed, {read} could be read");
    assert!(read > 100, "{passed} passed, {read} could be read");
}
