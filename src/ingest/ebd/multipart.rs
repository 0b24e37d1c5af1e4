//! The body of a POST between platforms (083 §5.2): a TAR in one part of `multipart/form-data`, or, from
//! some peers, the bare TAR.

/// Bytes in which the head of a part must end.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Takes the file out of a body: its name, when one is told, and its bytes. What has no parts is the
/// file itself.
#[must_use]
pub fn file_of(body: &[u8]) -> (Option<String>, &[u8]) {
    let Some(boundary) = boundary_of(body) else { return (None, body) };
    let mut rest = body;
    while let Some(at) = find(rest, boundary) {
        let after = rest.get(at + boundary.len()..).unwrap_or_default();
        let Some((head, content)) = split_head(after) else { break };
        let name = file_name(head);
        let is_file = name.is_some() || head_says(head, "application/x-tar");
        if is_file {
            return (name, until_boundary(content, boundary));
        }
        rest = content;
    }
    (None, body)
}

/// Makes such a body: content type and bytes.
#[must_use]
pub fn body_with(name: &str, file: &[u8]) -> (String, Vec<u8>) {
    // A TAR begins with a file name, so no boundary of ours stands in it by chance within its blocks;
    // still it is drawn from the name, which is different for every package.
    let boundary = format!("----mingluo{name}").replace(['.', '_'], "-");
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/x-tar\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// The first line, when it is a boundary.
fn boundary_of(body: &[u8]) -> Option<&[u8]> {
    let start = body.get(..HEAD_BYTES_MAX.min(body.len()))?;
    let start = start.strip_prefix(b"\r\n").unwrap_or(start);
    let end = start.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = start.get(..end)?;
    (line.starts_with(b"--") && (3..=200).contains(&line.len())).then_some(line)
}

/// Head and content of a part, split at the empty line.
fn split_head(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = part.get(..HEAD_BYTES_MAX.min(part.len()))?;
    for end in [b"\r\n\r\n".as_slice(), b"\n\n".as_slice()] {
        if let Some(at) = find(start, end) {
            return Some((part.get(..at)?, part.get(at + end.len()..)?));
        }
    }
    None
}

fn until_boundary<'a>(content: &'a [u8], boundary: &[u8]) -> &'a [u8] {
    for break_line in [b"\r\n".as_slice(), b"\n".as_slice()] {
        if let Some(at) = find(content, &[break_line, boundary].concat()) {
            return content.get(..at).unwrap_or(content);
        }
    }
    content
}

fn head_says(head: &[u8], word: &str) -> bool {
    String::from_utf8_lossy(head).to_ascii_lowercase().contains(word)
}

fn file_name(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let (_, rest) = text.split_once("filename=")?;
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', '\r', '\n']).next()?.trim(),
    };
    (!name.is_empty()).then(|| name.to_owned())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len().max(1)).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], name: Option<&str>, expect: &[u8]) {
        let (got, file) = file_of(body);
        assert_eq!((got.as_deref(), file), (name, expect), "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn the_file_is_found_as_peers_send_it() {
        let (kind, body) = body_with("EBDT_1.tar", b"T\r\n--A\r\nR");
        assert!(kind.starts_with("multipart/form-data; boundary=----"));
        check(&body, Some("EBDT_1.tar"), b"T\r\n--A\r\nR");
        check(b"EBDB bare tar", None, b"EBDB bare tar");
        check(b"", None, b"");
        check(b"--x\r\n\r\nno name\r\n--x--\r\n", None, b"--x\r\n\r\nno name\r\n--x--\r\n");
        let two = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
            Content-Disposition: form-data; filename=EBDT.tar\r\n\r\nTAR\r\n--x--";
        check(two, Some("EBDT.tar"), b"TAR");
        check(b"--x\nContent-Type: application/x-tar\n\nTAR\n--x--", None, b"TAR");
        check(b"--x\r\nfilename=\"a\"\r\n\r\ncut", Some("a"), b"cut");
    }
}
