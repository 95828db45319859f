use proptest::prelude::*;

use super::*;
use crate::frame::MAX_RECORD;

/// Any text, often a long one, sometimes with NUL.
fn text() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![
        4 => "\\PC{0,20}",
        1 => "[\\x00a-z]{1,5}",
        1 => ("[aé€🦀]", 0..9000_usize).prop_map(|(unit, times)| unit.repeat(times)),
    ]
    .prop_map(Cow::Owned)
}

fn reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(Reason::ALL)
}

prop_compose! {
    /// Any admission, texts over their caps included.
    pub(crate) fn admission()(
        (id, at, validate) in (any::<[u8; 16]>(), any::<i64>(), any::<bool>()),
        token in any::<Option<[u8; 16]>>(),
        family in any::<Option<[u8; 16]>>(),
        hint in any::<Option<[u8; 12]>>(),
        remote_ip in any::<IpAddr>(),
        reason in reason(),
        (cost, request_bytes) in (any::<u32>(), any::<u64>()),
        texts in prop::collection::vec(text(), 14),
    ) -> Admission<'static> {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap();
        Admission {
            id: RequestId::from_bytes(id),
            at: Timestamp::from_micros(at),
            surface: if validate { Surface::Validate } else { Surface::Mcp },
            token: token.map(TokenId::from_bytes),
            family: family.map(FamilyId::from_bytes),
            hint: hint.map(|bytes| Hint::of(&bytes)),
            remote_ip,
            reason,
            cost,
            request_bytes,
            token_name: next(),
            user: next(),
            user_agent: next(),
            client_name: next(),
            client_version: next(),
            server: next(),
            method: next(),
            target_kind: next(),
            target: next(),
            detail: next(),
            session: next(),
            rpc_id: next(),
            trace_id: next(),
            arguments: next(),
        }
    }
}

prop_compose! {
    /// Any outcome.
    pub(crate) fn outcome()(
        id in any::<[u8; 16]>(),
        http_status in any::<u16>(),
        rpc_code in any::<Option<i64>>(),
        is_error in any::<bool>(),
        failure in prop::option::of(reason()),
        (response_bytes, response_chars) in any::<(u64, Option<u64>)>(),
        (duration_us, upstream_us) in any::<(u64, Option<u64>)>(),
    ) -> Outcome {
        let id = RequestId::from_bytes(id);
        Outcome {
            id, http_status, rpc_code, is_error, failure, response_bytes, response_chars,
            duration_us, upstream_us,
        }
    }
}

/// An admission or an outcome.
pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![admission().prop_map(Entry::Admission), outcome().prop_map(Entry::Outcome)]
}

/// What a journal keeps of an entry: its texts cut to their caps.
pub(crate) fn kept(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Entry::Admission(admission) = &mut entry {
        let texts = [
            (&mut admission.token_name, cap::TOKEN_NAME),
            (&mut admission.user, cap::USER),
            (&mut admission.user_agent, cap::USER_AGENT),
            (&mut admission.client_name, cap::CLIENT_NAME),
            (&mut admission.client_version, cap::CLIENT_VERSION),
            (&mut admission.server, cap::SERVER),
            (&mut admission.method, cap::METHOD),
            (&mut admission.target_kind, cap::TARGET_KIND),
            (&mut admission.target, cap::TARGET),
            (&mut admission.detail, cap::DETAIL),
            (&mut admission.session, cap::SESSION),
            (&mut admission.rpc_id, cap::RPC_ID),
            (&mut admission.trace_id, cap::TRACE_ID),
            (&mut admission.arguments, cap::ARGUMENTS),
        ];
        for (text, cap) in texts {
            let mut short = text.to_string();
            if text.len() > cap {
                while short.len() > cap - "…".len() {
                    short.pop();
                }
                short.push('…');
            }
            *text = Cow::Owned(short);
        }
    }
    entry
}

fn put(to: &mut Vec<u8>, entry: &Entry) {
    match entry {
        Entry::Admission(admission) => put_admission(to, admission),
        Entry::Outcome(outcome) => put_outcome(to, outcome),
    }
}

proptest! {
    #[test]
    fn every_record_reads_back(entries in prop::collection::vec(entry(), 1..4)) {
        let mut bytes = Vec::new();
        for entry in &entries {
            let before = bytes.len();
            put(&mut bytes, entry);
            prop_assert!(bytes.len() - before <= MAX_RECORD);
        }
        let mut read = Vec::new();
        prop_assert_eq!(read_group(&bytes, &mut read), 0);
        prop_assert_eq!(read, entries.iter().map(kept).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut read = Vec::new();
        let unknown = read_group(&bytes, &mut read);
        prop_assert_eq!(bytes.is_empty(), unknown == 0 && read.is_empty());
    }

    #[test]
    fn no_fields_make_reading_panic(
        outcome in outcome(),
        at: prop::sample::Index,
        value: u8,
        kind in prop_oneof![Just(ADMISSION), Just(OUTCOME)],
    ) {
        let mut bytes = Vec::new();
        put_outcome(&mut bytes, &outcome);
        let at = at.index(bytes.len());
        bytes[at] = value;
        bytes[0] = kind;
        let mut read = Vec::new();
        let unknown = read_group(&bytes, &mut read);
        prop_assert!(unknown > 0 || read.len() == 1);
    }
}

#[test]
fn a_kind_of_a_later_version_costs_only_itself() {
    let outcome = |id| Outcome {
        id: RequestId::from_bytes([id; 16]),
        http_status: 200,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: 1,
        response_chars: None,
        duration_us: 1,
        upstream_us: None,
    };
    let mut bytes = Vec::new();
    put_outcome(&mut bytes, &outcome(1));
    record(&mut bytes, 0x7F, |to| to.extend_from_slice(b"from the future"));
    put_outcome(&mut bytes, &outcome(2));
    let mut read = Vec::new();
    assert_eq!(read_group(&bytes, &mut read), 1);
    assert_eq!(read, [Entry::Outcome(outcome(1)), Entry::Outcome(outcome(2))]);
}

#[test]
fn what_is_cut_is_cut_at_a_character_and_says_so() {
    assert_eq!(cut("abcdef", 6), ("abcdef", ""));
    assert_eq!(cut("abcdefg", 6), ("abc", "…"));
    assert_eq!(cut("aéééé", 6), ("aé", "…"));
    assert_eq!(cut("🦀🦀🦀", 6), ("", "…"));
}
