use bolero::check;
use proptest::prelude::*;

use super::*;

const MAX: usize = 1 << 20;

/// Reads `stream` in chunks of the given sizes: the blocks, and what is left.
fn read(stream: &[u8], sizes: &[usize]) -> (Vec<Event>, Option<Event>) {
    let mut reader = Reader::new(MAX);
    let (mut events, mut rest, mut sizes) = (Vec::new(), stream, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
        let (chunk, after) = rest.split_at(size);
        reader.push(chunk);
        rest = after;
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
    }
    (events, reader.finish())
}

fn one(stream: &str) -> Event {
    let (events, rest) = read(stream.as_bytes(), &[]);
    assert_eq!((events.len(), rest), (1, None), "{stream:?}");
    events.into_iter().next().unwrap()
}

fn text(bytes: Option<&Bytes>) -> Option<&str> {
    bytes.map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn fields() {
    let event =
        one(": hi\nid: 7\nevent:message\nretry: 1500\ndata: {\"a\":\ndata:1}\nother: x\n\n");
    assert_eq!(text(event.data.as_ref()), Some("{\"a\":\n1}"));
    assert_eq!(text(event.id.as_ref()), Some("7"));
    assert_eq!(text(event.event.as_ref()), Some("message"));
    assert_eq!(event.retry, Some(1500));
    assert!(event.has_data());

    let priming = one("id: 0\nretry: x\ndata\n\n");
    assert_eq!((text(priming.data.as_ref()), priming.retry), (Some(""), None));
    assert!(!priming.has_data());
    let comment = one(":\n\n");
    assert_eq!((comment.data.as_ref(), comment.raw.as_ref()), (None, &b":\n\n"[..]));
    assert_eq!(text(one("data:  two spaces\n\n").data.as_ref()), Some(" two spaces"));
    assert!(one("id: a\0b\ndata: x\n\n").id.is_none());
}

#[test]
fn a_byte_order_mark_counts_only_at_the_beginning() {
    let (events, _) = read("\u{FEFF}data: a\n\n\u{FEFF}data: b\n\n".as_bytes(), &[1]);
    assert_eq!(text(events[0].data.as_ref()), Some("a"));
    assert_eq!(events[1].data, None);
    assert!(events[0].with_data(b"z").starts_with("\u{FEFF}data: z".as_bytes()));
    let (events, rest) = read("\u{FEFF}\ndata: a\n\n".as_bytes(), &[1]);
    assert_eq!((events.len(), rest), (2, None), "the first line is empty");
}

#[test]
fn all_line_ends_and_no_waiting_for_a_line_feed_that_may_not_come() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = format!("data: a{end}id: 1{end}{end}data: b{end}{end}");
        for size in 1..stream.len() {
            let (events, rest) = read(stream.as_bytes(), &[size]);
            let data: Vec<_> =
                events.iter().filter_map(|event| text(event.data.as_ref())).collect();
            assert_eq!(data, ["a", "b"], "{end:?} {size}");
            assert!(rest.is_none_or(|rest| rest.raw.as_ref() == b"\n"), "{end:?} {size}");
        }
    }
    let mut reader = Reader::new(MAX);
    reader.push(b"data: a\r\n\r");
    assert_eq!(text(reader.next_event().unwrap().unwrap().data.as_ref()), Some("a"));
}

#[test]
fn an_unfinished_block_is_told_apart() {
    let (events, rest) = read(b"data: a\n\ndata: b\n", &[]);
    assert_eq!(events.len(), 1);
    assert_eq!(text(rest.unwrap().data.as_ref()), Some("b"));
}

#[test]
fn comments_do_not_wait_for_the_end_of_their_block() {
    for end in ["\n", "\r", "\r\n"] {
        let mut reader = Reader::new(MAX);
        let mut next = |chunk: &str| {
            reader.push(chunk.as_bytes());
            let event = reader.next_event().unwrap();
            assert!(event.is_none() || reader.next_event().unwrap().is_none());
            event.map(|event| String::from_utf8(event.raw.to_vec()).unwrap())
        };
        assert_eq!(next(": ke"), None);
        assert_eq!(next(&format!("ep{end}")), Some(format!(": keep{end}")));
        assert_eq!(next(&format!(":a{end}:b{end}id:")), Some(format!(":a{end}:b{end}")));
        assert_eq!(next(&format!(" 7{end}:c{end}")), None, "a field waits, and what follows it");
        let block = format!("id: 7{end}:c{end}data: x{end}{end}");
        let whole = next(&format!("data: x{end}{end}"));
        assert_eq!(whole.map(|whole| whole.trim_start_matches('\n').to_owned()), Some(block));
    }
}

#[test]
fn blocks_are_bounded_whole_or_growing() {
    let mut reader = Reader::new(16);
    reader.push(b"data: 0123456\n\n");
    assert!(reader.next_event().unwrap().is_some());
    reader.push(b"data: 0123456789\n");
    assert_eq!(reader.next_event(), Err(EventTooLarge { max: 16 }));
    reader.push(b"\n\ndata: x\n\n");
    assert_eq!(reader.next_event(), Err(EventTooLarge { max: 16 }));
}

#[test]
fn other_data_leaves_the_rest_of_the_block() {
    let event = one(": c\r\nid: 7\r\ndata: a\r\ndata: b\r\nretry: 5\r\n\r\n");
    assert_eq!(event.with_data(b"{\n}"), ": c\r\nid: 7\r\ndata: {\r\ndata: }\r\nretry: 5\r\n\r\n");
    assert_eq!(one("data\n\n").with_data(b"x"), "data: x\n\n");
}

#[test]
fn ids_take_a_prefix_and_empty_ones_stay_empty() {
    let event = one(": c\r\nid:7\r\ndata: a\r\nid: 8\r\nid\r\n\r\n");
    assert_eq!(
        event.rewritten("one/", None),
        ": c\r\nid: one/7\r\ndata: a\r\nid: one/8\r\nid\r\n\r\n"
    );
    assert_eq!(event.rewritten("", None), event.raw);
    assert_eq!(one("id: 1\ndata: a\n\n").rewritten("x:", Some(b"b")), "id: x:1\ndata: b\n\n");
    // What primes a stream has an id and no message.
    assert_eq!(one("id: 1\ndata:\n\n").rewritten("x:", None), "id: x:1\ndata:\n\n");
}

#[test]
fn encoding() {
    assert_eq!(encode(b"{}", Some("message"), Some("7")), "event: message\nid: 7\ndata: {}\n\n");
    assert_eq!(encode(b"a\r\nb", None, Some("7\ndata: x")), "data: a\ndata: b\n\n");
}

/// The rules of the standard, line by line and without chunks.
fn model(stream: &str) -> Vec<String> {
    let stream = stream.strip_prefix('\u{FEFF}').unwrap_or(stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = Vec::new();
    let mut data = Vec::new();
    let mut lines: Vec<&str> = stream.split('\n').collect();
    lines.pop();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if line.is_empty() && !data.is_empty() {
            out.push(std::mem::take(&mut data).join("\n"));
        } else if name == "data" {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    out
}

fn agree(stream: &str, sizes: &[usize]) {
    let (events, rest) = read(stream.as_bytes(), sizes);
    let bytes: Vec<u8> =
        events.iter().chain(&rest).flat_map(|event| event.raw.iter().copied()).collect();
    assert_eq!(bytes, stream.as_bytes());
    let data: Vec<_> =
        events.iter().filter_map(|event| text(event.data.as_ref()).map(str::to_owned)).collect();
    assert_eq!(data, model(stream), "{stream:?}");
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events_and_every_byte(
        stream in "\u{FEFF}?((data|id|event|retry|:c|x)?[: ]{0,2}[a{é]{0,3}(\n|\r|\r\n){1,2}){0,8}",
        sizes in prop::collection::vec(1_usize..5, 1..6),
    ) {
        agree(&stream, &sizes);
    }

    #[test]
    fn replaced_data_reads_back(
        stream in "(:c\n|id: 1\r\n|retry: 3\r)?data: a(\n|\r\n)(data:b\n)?(event: e\n)?\n",
        data in "[a{}\":, ]{1,8}(\n[a{} ]{0,4}){0,2}",
    ) {
        let event = one(&stream);
        let again = one(std::str::from_utf8(&event.with_data(data.as_bytes())).unwrap());
        prop_assert_eq!(text(again.data.as_ref()), Some(data.as_str()));
        prop_assert_eq!((again.id, again.event, again.retry), (event.id, event.event, event.retry));
    }
}

#[test]
fn fuzz_stream() {
    check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(bytes, sizes)| {
        let sizes: Vec<usize> = sizes.iter().map(|size| usize::from(*size)).collect();
        let (events, rest) = read(bytes, &sizes);
        let joined: Vec<u8> =
            events.iter().chain(&rest).flat_map(|event| event.raw.iter().copied()).collect();
        assert_eq!(joined, *bytes);
    });
    // The letters of the format, so that blocks and line ends are common.
    check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(bytes, sizes)| {
        const LETTERS: [&str; 8] = ["\r", "\n", "data", ":", " ", "id", "\u{FEFF}", "a"];
        let stream: String = bytes.iter().map(|byte| LETTERS[usize::from(*byte % 8)]).collect();
        let sizes: Vec<usize> = sizes.iter().map(|size| usize::from(*size % 7)).collect();
        agree(&stream, &sizes);
    });
}
