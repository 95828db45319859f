//! Frames: a group of records with its length and checksum.

/// What every segment begins with. The last byte is the version of the frame format.
pub const MAGIC: &[u8; 8] = b"mcpjrnl\x01";

/// Bytes before a frame's records: length and checksum, both u32.
pub const HEADER: usize = 8;

/// Bytes of records beyond which a group takes no further one.
pub const MAX_GROUP: usize = 64 << 20;

/// Bytes of one record that are always enough ([`crate::codec::cap`] sums up to less).
pub(crate) const MAX_RECORD: usize = 32 << 10;

/// Makes `frame` an empty one.
pub(crate) fn begin(frame: &mut Vec<u8>) {
    frame.clear();
    frame.extend_from_slice(&[0; HEADER]);
}

/// Fills in length and checksum of what [`begin`] began.
pub(crate) fn seal(frame: &mut [u8]) {
    let Some((header, records)) = frame.split_first_chunk_mut::<HEADER>() else { return };
    // A group ends at MAX_GROUP and one record, far below 4 GiB.
    let length = u32::try_from(records.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = checksum(length, records).to_le_bytes();
    for (to, from) in header.iter_mut().zip(length.iter().chain(&sum)) {
        *to = *from;
    }
}

/// What stands at the beginning of some bytes of a segment.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Found<'a> {
    /// A whole group: its records, and how many bytes the frame takes.
    Group(&'a [u8], usize),
    /// The beginning of a frame that needs this many bytes.
    Part(usize),
    /// Bytes that no writer of this version wrote.
    Damaged,
}

/// Reads the frame that `bytes` begin with.
pub(crate) fn read(bytes: &[u8]) -> Found<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Found::Part(HEADER);
    };
    let [a, b, c, d, sum @ ..] = *header;
    let length = [a, b, c, d];
    let Ok(size) = usize::try_from(u32::from_le_bytes(length)) else { return Found::Damaged };
    // A machine that lost power may leave zeros: an empty group is none.
    if size == 0 || size > MAX_GROUP + MAX_RECORD {
        return Found::Damaged;
    }
    match rest.get(..size) {
        None => Found::Part(HEADER + size),
        Some(records) if checksum(length, records) == u32::from_le_bytes(sum) => {
            Found::Group(records, HEADER + size)
        }
        Some(_) => Found::Damaged,
    }
}

fn checksum(length: [u8; 4], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(records);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(records: &[u8]) -> Vec<u8> {
        let mut frame = vec![9; 3];
        begin(&mut frame);
        frame.extend_from_slice(records);
        seal(&mut frame);
        frame
    }

    proptest! {
        #[test]
        fn a_frame_reads_back_and_its_parts_say_how_much_is_missing(
            records in prop::collection::vec(any::<u8>(), 1..300),
            more in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = frame(&records);
            let size = bytes.len();
            for cut in 0..size {
                let wanted = if cut < HEADER { HEADER } else { size };
                prop_assert_eq!(read(&bytes[..cut]), Found::Part(wanted));
            }
            bytes.extend_from_slice(&more);
            prop_assert_eq!(read(&bytes), Found::Group(&records, size));
        }

        #[test]
        fn a_flipped_bit_is_never_a_group(
            records in prop::collection::vec(any::<u8>(), 1..300),
            at: prop::sample::Index,
            bit in 0..8_u32,
        ) {
            let mut bytes = frame(&records);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(!matches!(read(&bytes), Found::Group(..)));
        }
    }

    #[test]
    fn zeros_are_no_group() {
        assert_eq!(read(&[0; 64]), Found::Damaged);
        assert_eq!(read(&[0xFF; 64]), Found::Damaged);
    }
}
