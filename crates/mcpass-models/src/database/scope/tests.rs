use super::*;

fn caller() -> Caller<'static> {
    Caller {
        token: "laptop",
        token_id: "",
        request: "",
        user: "ana",
        max_context: 0,
        may: &|_| true,
    }
}

#[test]
fn parameters_are_taken_out_and_quotes_are_left_alone() {
    let scope = Scope::parse("owner = :user AND x::text <> ':token' AND \"a:b\" = :token").unwrap();
    let values: Vec<_> = scope.parts().iter().filter_map(|part| part.value(&caller())).collect();
    assert_eq!(values, ["ana", "laptop"]);
    let text: String = scope
        .parts()
        .iter()
        .map(|part| match part {
            Part::Sql(text) => text.as_str(),
            _ => "?",
        })
        .collect();
    assert_eq!(text, "owner = ? AND x::text <> ':token' AND \"a:b\" = ?");
}

#[test]
fn what_would_reach_beyond_it_is_refused() {
    for bad in [
        "",
        "  ",
        "a = 1; DROP TABLE x",
        "a = 1 -- b",
        "a /* b */ = 1",
        "a = 1) OR (1 = 1",
        "(a = 1",
        "a = 'x",
        "a = $1",
        "a = ?",
        "a = :tenant",
        "a = '\\'",
        "a = `b`",
        "a = [b]",
        "a = $$x$$",
        ":",
    ] {
        assert!(Scope::parse(bad).is_err(), "{bad}");
    }
}
