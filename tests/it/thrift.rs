//! Thrift's compact protocol, as far as a Parquet footer needs it: to write what no library would.
//!
//! Source: the Apache Thrift project's `thrift-compact-protocol.md`.

/// A structure being written; its fields come in the order of their numbers.
pub(crate) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

impl Struct {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), last: 0 }
    }

    fn field(mut self, number: u8, kind: u8, value: &[u8]) -> Self {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
        self.bytes.extend(value);
        self
    }

    pub(crate) fn i32(self, number: u8, value: i32) -> Self {
        self.field(number, I32, &varint(zigzag(value.into())))
    }

    pub(crate) fn i64(self, number: u8, value: i64) -> Self {
        self.field(number, I64, &varint(zigzag(value)))
    }

    pub(crate) fn text(self, number: u8, value: &str) -> Self {
        self.field(number, BINARY, &binary(value))
    }

    /// `value` is a structure that was ended.
    pub(crate) fn structure(self, number: u8, value: &[u8]) -> Self {
        self.field(number, STRUCT, value)
    }

    pub(crate) fn list_struct(self, number: u8, values: &[Vec<u8>]) -> Self {
        self.field(number, LIST, &list(STRUCT, values))
    }

    pub(crate) fn list_i32(self, number: u8, values: &[i32]) -> Self {
        let values: Vec<_> = values.iter().map(|value| varint(zigzag((*value).into()))).collect();
        self.field(number, LIST, &list(I32, &values))
    }

    pub(crate) fn list_text(self, number: u8, values: &[&str]) -> Self {
        let values: Vec<_> = values.iter().map(|value| binary(value)).collect();
        self.field(number, LIST, &list(BINARY, &values))
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn binary(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

/// At most 14 values: longer lists begin otherwise.
fn list(kind: u8, values: &[Vec<u8>]) -> Vec<u8> {
    let count = u8::try_from(values.len()).expect("a short list");
    [vec![count << 4 | kind], values.concat()].concat()
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
