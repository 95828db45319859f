//! JSON and streams as they may be, as text: what a parser and a printer would lose is common.

use proptest::prelude::*;
use proptest::sample::select;

/// A text inside quotes, escapes and all.
pub(crate) fn string() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "Z9",
        " ",
        "/",
        "\\/",
        "\\\"",
        "\\\\",
        "\\b\\f\\n\\r\\t",
        "\\u0041",
        "\\u00e9",
        "\\u0000",
        "\\uD83D\\uDE00",
        // A lone half of a pair is JSON (RFC 8259, section 8.2), though no text.
        "\\ud800",
        "\u{e9}\u{301}",
        "\u{1F600}",
        "\u{2028}",
        "\u{feff}",
        "data: x",
        "result",
    ]);
    prop::collection::vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// A number that does not survive a 64-bit float, or only in another spelling.
pub(crate) fn number() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "0",
        "-0",
        "-0.0",
        "1.0",
        "1.10",
        "1e2",
        "1E+2",
        "1e400",
        "-1E-400",
        "9007199254740993",
        "18446744073709551616",
        "-170141183460469231731687303715884105729",
        "0.1000000000000000055511151231257827",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), "[1-9][0-9]{0,60}", "-?[1-9]\\.[0-9]{1,30}"]
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t\n\r]{1,3}"]
}

/// The name of a member that nobody knows. Some look much like one that everybody knows.
fn key() -> impl Strategy<Value = String> {
    let like = select(vec![
        "\"\"",
        "\"Name\"",
        "\"ID\"",
        "\"jsonrpc2\"",
        "\"x-vendor\"",
        "\"com.example/\\u0061\"",
        "\"_meta2\"",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"\u{e9}\"",
    ]);
    like.prop_map(str::to_owned)
}

/// Any value, nested a few levels deep.
pub(crate) fn value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        select(vec!["null", "true", "false", "{}", "[]", "[ ]"]).prop_map(str::to_owned),
        string(),
        number(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let array = prop::collection::vec((space(), inner.clone(), space()), 0..4);
        let array = array.prop_map(|items| {
            let items: Vec<_> = items.into_iter().map(|(a, item, b)| a + &item + &b).collect();
            format!("[{}]", items.join(","))
        });
        // The same name twice is there too: nobody has said which one counts, so both stay.
        let object = prop::collection::vec((key(), inner), 0..4).prop_flat_map(members);
        prop_oneof![array, object]
    })
    .boxed()
}

/// An object of these members in any order, with any space.
pub(crate) fn members(members: Vec<(String, String)>) -> BoxedStrategy<String> {
    let count = members.len();
    let spaces = prop::collection::vec((space(), space(), space(), space()), count);
    (Just(members).prop_shuffle(), spaces, space())
        .prop_map(|(members, spaces, inside)| {
            let each = members
                .into_iter()
                .zip(spaces)
                .map(|((key, value), (a, b, c, d))| format!("{a}{key}{b}:{c}{value}{d}"));
            let each: Vec<_> = each.collect();
            if each.is_empty() {
                format!("{{{inside}}}")
            } else {
                format!("{{{}}}", each.join(","))
            }
        })
        .boxed()
}

/// Members that nobody knows, each name once.
pub(crate) fn extras() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = select(vec!["\"x-vendor\"", "\"com.example/a\"", "\"results\"", "\"zz\""]);
    prop::collection::vec((names, value()), 0..3).prop_map(|mut extras| {
        extras.sort();
        extras.dedup_by(|one, other| one.0 == other.0);
        extras.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

/// An object of these members and some that nobody knows.
pub(crate) fn object(known: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let (names, values): (Vec<_>, Vec<_>) = known.into_iter().unzip();
    (values, extras())
        .prop_flat_map(move |(values, extras)| {
            let known = names.iter().map(|name| format!("\"{name}\"")).zip(values);
            members(known.chain(extras).collect())
        })
        .boxed()
}

/// A member whose value is always the same.
pub(crate) fn fixed(text: &str) -> BoxedStrategy<String> {
    Just(text.to_owned()).boxed()
}

/// The id of a request.
pub(crate) fn id() -> BoxedStrategy<String> {
    let small = (0..100_000_u32).prop_map(|number| number.to_string());
    let odd =
        select(vec!["\"a\"", "\"\\u0061\"", "\"\u{1F600}/\\\"\"", "9007199254740993", "\"0\""]);
    prop_oneof![small, odd.prop_map(str::to_owned)].boxed()
}

/// What stands in a stream besides events with data: blocks whose bytes have a meaning of their
/// own, and blocks that mean nothing.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Lines that make up a block without data.
    Quiet(Vec<&'static str>),
    /// A message, with lines before it.
    Message(Vec<&'static str>, String),
}

pub(crate) fn block() -> impl Strategy<Value = Block> {
    let line = select(vec![
        ":",
        ": keep-alive",
        "id: 7",
        "id:\u{e9}",
        "id",
        "retry: 1500",
        "retry: soon",
        "event: message",
        "event:",
        "x-vendor: 1",
        "datum: no",
    ]);
    let lines = prop::collection::vec(line, 0..4);
    let message = object(vec![
        ("jsonrpc", fixed("\"2.0\"")),
        ("method", fixed("\"notifications/message\"")),
        ("params", object(vec![("level", fixed("\"info\"")), ("data", value())])),
    ]);
    prop_oneof![
        1 => lines.clone().prop_map(Block::Quiet),
        2 => (lines, message).prop_map(|(lines, message)| Block::Message(lines, message)),
    ]
}

/// How a stream is written.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    pub(crate) end: &'static str,
    pub(crate) colon: &'static str,
    pub(crate) has_bom: bool,
}

pub(crate) fn hand() -> impl Strategy<Value = Hand> {
    let (end, colon) = (select(vec!["\n", "\r\n", "\r"]), select(vec!["data: ", "data:"]));
    (end, colon, any::<bool>()).prop_map(|(end, colon, has_bom)| Hand { end, colon, has_bom })
}

impl Hand {
    /// One block. A line break in a message begins a new line of data.
    pub(crate) fn write(&self, block: &Block) -> String {
        let (lines, message) = match block {
            Block::Quiet(lines) => (lines, None),
            Block::Message(lines, message) => (lines, Some(message)),
        };
        let mut text: String = lines.iter().flat_map(|line| [*line, self.end]).collect();
        for line in message.into_iter().flat_map(|message| message.split(['\n', '\r'])) {
            text.extend([self.colon, line, self.end]);
        }
        text + self.end
    }

    /// A whole stream.
    pub(crate) fn stream(&self, blocks: &[Block]) -> String {
        let mark = if self.has_bom { "\u{feff}" } else { "" };
        let blocks: String = blocks.iter().map(|block| self.write(block)).collect();
        format!("{mark}{blocks}")
    }
}
