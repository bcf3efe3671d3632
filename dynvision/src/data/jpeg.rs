//! Whether a JPEG file is whole: decoders fill what is missing with grey, and say nothing.

/// Whether the bytes go on to the end of the image, by the markers of [ITU T.81](https://www.w3.org/Graphics/JPEG/itu-t81.pdf), annex B. What
/// stands behind the end does not matter. Bytes that are no JPEG are for the decoder to refuse.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let Some(mut rest) = bytes.strip_prefix(&[0xff, 0xd8]) else { return true };
    loop {
        // A marker is 0xff and a byte that is neither 0 (which stands behind a 0xff of the data), nor a filling 0xff, nor a restart.
        let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7))
        else {
            return false;
        };
        let marker = rest[at + 1];
        if marker == END {
            return true;
        }
        rest = &rest[at + 2..];
        // a segment begins with its length; the data of a scan have none and stand behind it
        let length = rest.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)));
        match length.filter(|&length| length >= 2).and_then(|length| rest.get(length..)) {
            Some(after) => rest = after,
            // a damaged length that is not the file's end is for the decoder
            None => return marker != SCAN && length.is_some_and(|length| length < 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_behind_scans_and_not_within_them() {
        // a segment that holds an end of its own (a thumbnail), a scan with data that look like markers, another scan
        let whole = [
            &[0xff, 0xd8][..],
            &[0xff, 0xe1, 0, 4, 0xff, 0xd9],
            &[0xff, 0xda, 0, 3, 1, 7, 0xff, 0, 0xff, 0xd3, 9, 0xff],
            &[0xff, 0xda, 0, 2, 5, 0xff, 0xd9],
        ]
        .concat();
        assert!(is_whole(&whole) && is_whole(&[&whole[..], b"behind"].concat()));
        for cut in 2..whole.len() {
            assert!(!is_whole(&whole[..cut]), "{cut}");
        }
        assert!(is_whole(b"") && is_whole(b"\x89PNG"));
    }
}
