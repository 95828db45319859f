use proptest::prelude::*;

use super::*;

fn grants(texts: &[&str]) -> Grants {
    Grants::new(
        texts.iter().map(|text| Grant { permission: text.parse().unwrap(), source: Source::Own }),
    )
}

fn tool<'a>(server: &'a str, name: &'a str, class: ToolClass) -> Ask<'a> {
    Ask { server, target: Target::Tool(name), class: Some(class) }
}

/// The rule of a part, said as plainly as possible: `*` is any run of characters.
fn naive_glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| naive_glob(rest, &text[at..])),
        Some((first, rest)) => {
            text.split_first().is_some_and(|(head, tail)| head == first && naive_glob(rest, tail))
        }
    }
}

/// The rules of docs/permissions.md, said as plainly as possible, on texts alone.
fn naive_allow(permissions: &[String], server: &str, name: &str, class: ToolClass) -> bool {
    let means = |text: &str| {
        let (s, n) = if text == "*" { ("*", "*") } else { text.split_once('.').unwrap() };
        naive_glob(s.as_bytes(), server.as_bytes())
            && match n.strip_prefix('@') {
                Some(wanted) => wanted == class.as_str(),
                None => naive_glob(n.as_bytes(), name.as_bytes()),
            }
    };
    permissions.iter().any(|p| !p.starts_with('!') && means(p))
        && !permissions.iter().any(|p| p.strip_prefix('!').is_some_and(means))
}

fn part() -> impl Strategy<Value = String> {
    "[ab*]{1,5}"
}

fn permission() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[ab*.]{1,5}",
        1 => Just("@read".to_owned()),
        1 => Just("@write".to_owned()),
        1 => Just("@destructive".to_owned()),
    ];
    prop_oneof![
        8 => ("!?", part(), name).prop_map(|(not, server, name)| format!("{not}{server}.{name}")),
        1 => Just("*".to_owned()),
        1 => Just("!*".to_owned()),
    ]
}

fn class() -> impl Strategy<Value = ToolClass> {
    prop_oneof![Just(ToolClass::Read), Just(ToolClass::Write), Just(ToolClass::Destructive)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn matching_is_as_the_naive_matcher_says(
        permissions in prop::collection::vec(permission(), 0..6),
        server in "[ab]{1,4}", name in "[ab.]{1,5}", class in class(),
    ) {
        let texts: Vec<&str> = permissions.iter().map(String::as_str).collect();
        prop_assert_eq!(
            grants(&texts).allow(&tool(&server, &name, class)),
            naive_allow(&permissions, &server, &name, class)
        );
    }

    /// A creator may only hand on what they hold: whatever is covered can never be wider.
    #[test]
    fn what_is_covered_gives_nothing_more(
        held in prop::collection::vec(permission(), 1..5), asked in permission(),
        server in "[ab]{1,3}", name in "[ab.]{1,4}", class in class(),
    ) {
        let texts: Vec<&str> = held.iter().map(String::as_str).collect();
        let held = grants(&texts);
        if held.cover(&asked.parse().unwrap()) && grants(&[&asked]).allow(&tool(&server, &name, class)) {
            prop_assert!(held.allow(&tool(&server, &name, class)));
        }
    }

    #[test]
    fn a_permission_prints_as_it_was_written(text in permission()) {
        prop_assert_eq!(text.parse::<Permission>().unwrap().to_string(), text);
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC*") {
        let _ = text.parse::<Permission>();
    }
}

#[test]
fn bad_permissions_say_what_is_wrong() {
    for (text, why) in [
        ("github", "no dot"),
        ("", "no dot"),
        (".x", "missing before or after"),
        ("x.", "missing before or after"),
        ("Git.x", "a-z"),
        ("gi thub.x", "a space"),
        ("g.\u{202E}x", "invisible"),
        ("!!a.b", "one `!`"),
        ("a.@reed", "@read, @write"),
    ] {
        let error = text.parse::<Permission>().unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
    assert!(format!("a.{}", "x".repeat(511)).parse::<Permission>().is_err());
}

#[test]
fn tool_names_may_hold_dots_and_slashes() {
    let held = grants(&["github.repos/create.v2"]);
    assert!(held.allow(&tool("github", "repos/create.v2", ToolClass::Destructive)));
    assert!(!held.allow(&tool("github", "repos/create", ToolClass::Destructive)));
}

#[test]
fn resources_and_prompts_have_names_of_their_own() {
    let held = grants(&["docs.resource:file:///a/*", "docs.prompt:greet"]);
    let ask = |target| Ask { server: "docs", target, class: None };
    assert!(held.allow(&ask(Target::Resource("file:///a/b.txt"))));
    assert!(!held.allow(&ask(Target::Resource("file:///b"))));
    assert!(held.allow(&ask(Target::Prompt("greet"))));
    assert!(!held.allow(&ask(Target::Tool("greet"))));
    assert!(held.allow_server("docs") && !held.allow_server("other"));
}

#[test]
fn a_tool_that_pretends_to_be_a_resource_is_out_of_reach() {
    let held = grants(&["docs.*"]);
    for name in ["resource:file:///etc/passwd", "prompt:x", "method:y", "@read", ""] {
        assert!(!held.allow(&tool("docs", name, ToolClass::Read)), "{name}");
    }
}

#[test]
fn classes_are_about_tools_alone() {
    let held = grants(&["docs.@read"]);
    assert!(held.allow(&tool("docs", "x", ToolClass::Read)));
    assert!(!held.allow(&tool("docs", "x", ToolClass::Write)));
    assert!(!held.allow(&Ask { server: "docs", target: Target::Tool("x"), class: None }));
    assert!(!held.allow(&Ask { server: "docs", target: Target::Resource("x"), class: None }));
    assert!(held.need_class("docs") && !held.need_class("other"));
}

#[test]
fn a_partial_denial_leaves_the_server_open_and_a_whole_one_closes_it() {
    assert!(grants(&["docs.*", "!docs.@destructive"]).allow_server("docs"));
    assert!(grants(&["docs.*", "!docs.delete_*"]).allow_server("docs"));
    assert!(!grants(&["docs.*", "!docs.*"]).allow_server("docs"));
    assert!(!grants(&["docs.*", "!*"]).allow_server("docs"));
}

#[test]
fn no_wildcard_reaches_management() {
    let ask = Ask { server: MANAGEMENT, target: Target::Permission("validate_token"), class: None };
    for text in ["*", "*.*", "mc*.*", "*.validate_token"] {
        assert!(!grants(&[text]).allow(&ask), "{text}");
    }
    assert!(grants(&["mcpass.validate_token"]).allow(&ask));
    assert!(grants(&["mcpass.*"]).allow(&ask));
    assert!(!grants(&["mcpass.*", "!*"]).allow(&ask));
}

#[test]
fn missing_annotations_count_as_destructive() {
    assert_eq!(ToolClass::from_hints(None, None), ToolClass::Destructive);
    assert_eq!(ToolClass::from_hints(Some(false), None), ToolClass::Destructive);
    assert_eq!(ToolClass::from_hints(Some(false), Some(false)), ToolClass::Write);
    assert_eq!(ToolClass::from_hints(Some(true), Some(true)), ToolClass::Read);
}
