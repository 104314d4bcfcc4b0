//! Frame headers: no panic; what was read is written back as the same bytes; a prefix is unfinished or means the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wigwag_proto::{
    frame::{HEADER_BYTES_MAX, Header},
    mask,
    utf8::Utf8Validator,
};

fuzz_target!(|bytes: &[u8]| {
    let whole = Header::parse(bytes);
    for end in 0..bytes.len().min(HEADER_BYTES_MAX) {
        let part = Header::parse(&bytes[..end]);
        assert!(part == Ok(None) || part == whole, "{end}: {part:?} {whole:?}");
    }
    if let Ok(Some((header, header_bytes))) = whole {
        let mut written = Vec::new();
        header.encode(&mut written);
        assert_eq!(written, bytes[..header_bytes]);
        if let Some(key) = header.mask {
            check_mask(&bytes[header_bytes..], key);
        }
    }
    check_text(bytes);
});

/// Masking in two pieces is masking in one, and byte by byte.
fn check_mask(payload: &[u8], key: [u8; 4]) {
    let expected: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let mut pieces = payload.to_vec();
    let cut = pieces.len() / 3;
    let (front, back) = pieces.split_at_mut(cut);
    mask::apply(front, key, 0);
    mask::apply(back, key, cut);
    assert_eq!(pieces, expected);
}

/// Text in two pieces is as valid as in one.
fn check_text(bytes: &[u8]) {
    let mut validator = Utf8Validator::default();
    let (front, back) = bytes.split_at(bytes.len() / 2);
    let valid = validator.push(front).and_then(|()| validator.push(back)).and_then(|()| validator.finish()).is_ok();
    assert_eq!(valid, std::str::from_utf8(bytes).is_ok());
}
