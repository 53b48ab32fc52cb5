//! Parquet files as other writers make them: with statistics that leave NaN out and do not count it, which
//! DuckDB's own writer does. Plain, uncompressed, every value there.

use std::path::Path;

/// A column: its name, `s.x` for a field of a struct, and its values in each row group.
pub(crate) type Column<'a> = (&'a str, Vec<Values>);

/// Values of one column in one row group.
#[derive(Clone)]
pub(crate) enum Values {
    Integer(Vec<i32>),
    Real(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<&'static str>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Integer(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// The number of the physical type.
    fn kind(&self) -> i64 {
        match self {
            Self::Integer(_) => 1,
            Self::Real(_) => 4,
            Self::Double(_) => 5,
            Self::Text(_) => 6,
        }
    }

    fn plain(&self) -> Vec<u8> {
        let sized = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
        match self {
            Self::Integer(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Real(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Double(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Text(values) => values.iter().flat_map(|value| sized(value.as_bytes())).collect(),
        }
    }

    /// Smallest and largest value; NaN is neither.
    fn bounds(&self) -> Option<[Vec<u8>; 2]> {
        match self {
            Self::Integer(values) => {
                Some([values.iter().min()?, values.iter().max()?].map(|value| value.to_le_bytes().to_vec()))
            }
            Self::Real(values) => {
                let mut there: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
                there.sort_by(f32::total_cmp);
                Some([there.first()?, there.last()?].map(|value| value.to_le_bytes().to_vec()))
            }
            Self::Double(values) => {
                let mut there: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
                there.sort_by(f64::total_cmp);
                Some([there.first()?, there.last()?].map(|value| value.to_le_bytes().to_vec()))
            }
            Self::Text(_) => None,
        }
    }
}

/// Writes a file of these columns.
pub(crate) fn write(file: &Path, columns: &[Column<'_>]) {
    let mut bytes = b"PAR1".to_vec();
    let groups = columns.first().map_or(0, |(_, groups)| groups.len());
    let mut rows = 0;
    let mut row_groups = Vec::new();
    for group in 0..groups {
        let mut chunks = Vec::new();
        let count = columns[0].1[group].len();
        for (name, values) in columns {
            let values = &values[group];
            let (offset, data) = (bytes.len(), values.plain());
            let inner = Thrift::default().int(1, count).int(2, 0).int(3, 3).int(4, 3);
            let header = Thrift::default().int(1, 0).int(2, data.len()).int(3, data.len()).node(5, inner);
            bytes.extend(header.end());
            bytes.extend(data);
            let size = bytes.len() - offset;
            let mut statistics = Thrift::default().long(3, 0);
            if let Some([min, max]) = values.bounds() {
                statistics = statistics.bytes(5, &max).bytes(6, &min);
            }
            let path = name.split('.').map(|part| sized(part.as_bytes())).collect::<Vec<_>>();
            let meta = Thrift::default()
                .int(1, values.kind())
                .list(2, 5, &[zigzag(0)])
                .list(3, 8, &path)
                .int(4, 0)
                .long(5, count)
                .long(6, size)
                .long(7, size)
                .long(9, offset)
                .node(12, statistics);
            chunks.push(Thrift::default().long(2, offset).node(3, meta).end());
        }
        rows += count;
        row_groups.push(Thrift::default().list(1, 12, &chunks).long(2, bytes.len()).long(3, count).end());
    }
    let footer = Thrift::default()
        .int(1, 1)
        .list(2, 12, &schema(columns))
        .long(3, rows)
        .list(4, 12, &row_groups)
        .end();
    bytes.extend(&footer);
    bytes.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
    bytes.extend(b"PAR1");
    std::fs::write(file, bytes).unwrap();
}

/// The elements of the schema, depth first; fields of one struct stand side by side.
fn schema(columns: &[Column<'_>]) -> Vec<Vec<u8>> {
    let roots: Vec<&str> = columns.iter().filter_map(|(name, _)| name.split('.').next()).collect();
    let mut top = roots.clone();
    top.dedup();
    let group = |name: &str, children: usize| {
        Thrift::default().int(3, 0).bytes(4, name.as_bytes()).int(5, children).end()
    };
    let mut elements = vec![group("schema", top.len())];
    let mut last = None;
    for (name, values) in columns {
        let (root, field) = name.split_once('.').unwrap_or((name, name));
        if root != *name && last != Some(root) {
            elements.push(group(root, roots.iter().filter(|other| **other == root).count()));
        }
        last = Some(root);
        let mut element = Thrift::default().int(1, values[0].kind()).int(3, 0).bytes(4, field.as_bytes());
        if matches!(values[0], Values::Text(_)) {
            element = element.int(6, 0);
        }
        elements.push(element.end());
    }
    elements
}

/// A struct in Thrift's compact protocol, in the making.
#[derive(Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: u8,
}

impl Thrift {
    fn field(mut self, id: u8, kind: u8, value: &[u8]) -> Self {
        self.bytes.push((id - self.last) << 4 | kind);
        self.bytes.extend(value);
        self.last = id;
        self
    }

    fn int(self, id: u8, value: impl TryInto<i64>) -> Self {
        self.field(id, 5, &zigzag(value))
    }

    fn long(self, id: u8, value: impl TryInto<i64>) -> Self {
        self.field(id, 6, &zigzag(value))
    }

    fn bytes(self, id: u8, value: &[u8]) -> Self {
        self.field(id, 8, &sized(value))
    }

    fn list(self, id: u8, kind: u8, items: &[Vec<u8>]) -> Self {
        let mut value = match u8::try_from(items.len()).unwrap() {
            short @ 0..15 => vec![short << 4 | kind],
            long => [&[0xF0 | kind][..], &varint(u64::from(long))].concat(),
        };
        value.extend(items.concat());
        self.field(id, 9, &value)
    }

    fn node(self, id: u8, value: Self) -> Self {
        self.field(id, 12, &value.end())
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn zigzag(value: impl TryInto<i64>) -> Vec<u8> {
    let Ok(value) = value.try_into() else { panic!("a number is too large for the file") };
    varint((value << 1 ^ value >> 63).cast_unsigned())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}
