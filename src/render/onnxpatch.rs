//! Rewrites the one node of the Kokoro model that the inference library lacks.
//!
//! ONNX is a protobuf message. Only five field numbers matter here (`onnx.proto3`: `ModelProto.graph`
//! 7, `GraphProto.node` 1, `NodeProto` input 1 / output 2 / name 3 / `op_type` 4 / attribute 5,
//! `AttributeProto` name 1 / f 2 / i 3 / ints 8 / type 20), so everything else is copied as it is.
//! `FusedMatMul(transA = 1)` of `com.microsoft` on rank-3 input equals `Transpose(perm = 0 2 1)`
//! followed by `MatMul`.

use thiserror::Error;

const GRAPH: u64 = 7;
const NODE: u64 = 1;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_NAME: u64 = 3;
const NODE_OP_TYPE: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;

/// The model could not be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchFault {
    /// Not a protobuf message, or cut short.
    #[error(
        "expected an onnx model, got bytes that break off at offset {0}; fetch the model again"
    )]
    Damaged(usize),
    /// A form of `FusedMatMul` that this rewriting does not cover.
    #[error(
        "expected FusedMatMul with transA = 1 and alpha = 1 only, got {0}; use the pinned model"
    )]
    Unsupported(String),
}

/// One field of a message: number, wire type, the bytes of its value and of the whole field.
struct Field<'a> {
    number: u64,
    value: &'a [u8],
    varint: u64,
    whole: &'a [u8],
}

/// Reads the fields of one message.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, PatchFault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(PatchFault::Damaged(self.at))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(PatchFault::Damaged(self.at))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], PatchFault> {
        let length = usize::try_from(length).map_err(|_| PatchFault::Damaged(self.at))?;
        let end = self.at.checked_add(length).ok_or(PatchFault::Damaged(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(PatchFault::Damaged(self.at))?;
        self.at = end;
        Ok(taken)
    }

    fn read(&mut self) -> Result<Option<Field<'a>>, PatchFault> {
        let start = self.at;
        if start >= self.bytes.len() {
            return Ok(None);
        }
        let key = self.varint()?;
        let (value, varint): (&[u8], u64) = match key & 7 {
            0 => (&[], self.varint()?),
            1 => (self.take(8)?, 0),
            2 => {
                let length = self.varint()?;
                (self.take(length)?, 0)
            }
            5 => (self.take(4)?, 0),
            _ => return Err(PatchFault::Damaged(start)),
        };
        let whole = self.bytes.get(start..self.at).ok_or(PatchFault::Damaged(start))?;
        Ok(Some(Field { number: key >> 3, value, varint, whole }))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, PatchFault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { bytes, at: 0 }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        out.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, u64::try_from(value.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(value);
}

fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

/// The model with every `FusedMatMul` rewritten, and how many there were. Deterministic: the same
/// input gives the same bytes.
///
/// # Errors
/// [`PatchFault`] when the bytes are no ONNX model or hold a form that is not covered.
pub fn patched(model: &[u8]) -> Result<(Vec<u8>, usize), PatchFault> {
    let mut out = Vec::with_capacity(model.len() + 1024);
    let mut rewritten = 0;
    for field in fields(model) {
        let field = field?;
        if field.number == GRAPH {
            let (graph, count) = patched_graph(field.value)?;
            rewritten += count;
            put_bytes(&mut out, GRAPH, &graph);
        } else {
            out.extend_from_slice(field.whole);
        }
    }
    Ok((out, rewritten))
}

fn patched_graph(graph: &[u8]) -> Result<(Vec<u8>, usize), PatchFault> {
    let mut out = Vec::with_capacity(graph.len() + 1024);
    let mut rewritten = 0;
    for field in fields(graph) {
        let field = field?;
        match field.number {
            NODE if is_fused(field.value)? => {
                for node in split(field.value)? {
                    put_bytes(&mut out, NODE, &node);
                }
                rewritten += 1;
            }
            _ => out.extend_from_slice(field.whole),
        }
    }
    Ok((out, rewritten))
}

fn is_fused(node: &[u8]) -> Result<bool, PatchFault> {
    for field in fields(node) {
        let field = field?;
        if field.number == NODE_OP_TYPE {
            return Ok(field.value == b"FusedMatMul");
        }
    }
    Ok(false)
}

/// Checks one attribute: `transA` must be 1, `alpha` 1.0, every other 0.
fn check_attribute(attribute: &[u8]) -> Result<(), PatchFault> {
    let (mut name, mut float, mut integer) = (String::new(), None, 0);
    for field in fields(attribute) {
        let field = field?;
        match field.number {
            1 => name = String::from_utf8_lossy(field.value).into_owned(),
            2 => float = <[u8; 4]>::try_from(field.value).ok(),
            3 => integer = field.varint,
            _ => {}
        }
    }
    let good = match name.as_str() {
        "alpha" => float == Some(1.0_f32.to_le_bytes()),
        "transA" => integer == 1,
        _ => integer == 0,
    };
    if good { Ok(()) } else { Err(PatchFault::Unsupported(format!("{name} = {integer}"))) }
}

fn split(node: &[u8]) -> Result<[Vec<u8>; 2], PatchFault> {
    let (mut inputs, mut output, mut name) = (Vec::new(), &b""[..], &b""[..]);
    for field in fields(node) {
        let field = field?;
        match field.number {
            NODE_INPUT => inputs.push(field.value),
            NODE_OUTPUT => output = field.value,
            NODE_NAME => name = field.value,
            NODE_ATTRIBUTE => check_attribute(field.value)?,
            _ => {}
        }
    }
    let &[left, right] = inputs.as_slice() else {
        return Err(PatchFault::Unsupported(format!("{} inputs", inputs.len())));
    };
    let turned = [output, b"_left_transposed"].concat();

    let mut permutation = Vec::new();
    put_bytes(&mut permutation, 1, b"perm");
    for axis in [0, 2, 1] {
        put_number(&mut permutation, 8, axis);
    }
    put_number(&mut permutation, 20, 7); // AttributeProto.type INTS

    let mut transpose = Vec::new();
    put_bytes(&mut transpose, NODE_INPUT, left);
    put_bytes(&mut transpose, NODE_OUTPUT, &turned);
    put_bytes(&mut transpose, NODE_NAME, &[name, b"_transpose"].concat());
    put_bytes(&mut transpose, NODE_OP_TYPE, b"Transpose");
    put_bytes(&mut transpose, NODE_ATTRIBUTE, &permutation);

    let mut product = Vec::new();
    put_bytes(&mut product, NODE_INPUT, &turned);
    put_bytes(&mut product, NODE_INPUT, right);
    put_bytes(&mut product, NODE_OUTPUT, output);
    put_bytes(&mut product, NODE_NAME, &[name, b"_matmul"].concat());
    put_bytes(&mut product, NODE_OP_TYPE, b"MatMul");
    Ok([transpose, product])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &[u8], value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, name);
        put_number(&mut out, 3, value);
        out
    }

    fn model(op: &[u8], trans_a: u64) -> Vec<u8> {
        let mut node = Vec::new();
        put_bytes(&mut node, NODE_INPUT, b"a");
        put_bytes(&mut node, NODE_INPUT, b"b");
        put_bytes(&mut node, NODE_OUTPUT, b"c");
        put_bytes(&mut node, NODE_OP_TYPE, op);
        put_bytes(&mut node, NODE_ATTRIBUTE, &attribute(b"transA", trans_a));
        let mut graph = Vec::new();
        put_bytes(&mut graph, NODE, &node);
        put_bytes(&mut graph, 5, &[7; 300]);
        let mut out = Vec::new();
        put_number(&mut out, 1, 8);
        put_bytes(&mut out, GRAPH, &graph);
        out
    }

    fn holds(bytes: &[u8], word: &[u8]) -> bool {
        bytes.windows(word.len()).any(|w| w == word)
    }

    #[test]
    fn a_fused_product_becomes_two_nodes_and_nothing_else_changes() {
        let (out, count) = patched(&model(b"FusedMatMul", 1)).expect("covered");
        assert_eq!(count, 1);
        assert!(
            holds(&out, b"Transpose") && holds(&out, b"MatMul") && !holds(&out, b"FusedMatMul")
        );
        assert_eq!(patched(&out), Ok((out.clone(), 0)), "a second pass finds nothing");
        let plain = model(b"MatMul", 0);
        assert_eq!(patched(&plain), Ok((plain.clone(), 0)));
    }

    #[test]
    fn other_forms_and_damage_are_refused() {
        assert!(matches!(patched(&model(b"FusedMatMul", 0)), Err(PatchFault::Unsupported(_))));
        let whole = model(b"FusedMatMul", 1);
        for cut in 1..whole.len() {
            if let Ok((_, count)) = patched(&whole[..cut]) {
                assert_eq!(count, 0, "cut at {cut}");
            }
        }
        assert!(patched(&[0xff; 40]).is_err());
    }
}
