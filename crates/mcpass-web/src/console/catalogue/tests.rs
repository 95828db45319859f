use super::*;

fn tool(name: &str, class: ToolClass) -> Tool {
    Tool { name: name.to_owned(), about: String::new(), class }
}

fn shelf() -> Shelf {
    Shelf {
        server: "notes".to_owned(),
        tools: vec![
            tool("get", ToolClass::Read),
            tool("put", ToolClass::Write),
            tool("drop", ToolClass::Destructive),
        ],
        models: Vec::new(),
        whole: chosen(&["notes.@read", "notes.*"]),
        trouble: None,
        areas: Vec::new(),
    }
}

fn chosen(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_pattern_covers_rows_and_stays_a_chip() {
    let own = chosen(&["notes.@read", "notes.put", "!notes.d*", "github.*"]);
    let (grants, wrong) = grants(&own, &[]);
    assert!(wrong.is_empty());
    let matrix = matrix(&[shelf()], &own, &grants);
    let group = &matrix.groups[0];
    let state = |at: usize| (group.rows[at].choice.is_chosen, group.rows[at].choice.is_covered);
    assert_eq!((state(0), state(1), state(2)), ((false, true), (true, false), (false, false)));
    assert!(group.whole[0].is_chosen, "@read is a box of the server");
    let chips: Vec<_> = matrix.chips.iter().map(|chip| chip.permission.as_str()).collect();
    assert_eq!(chips, ["!notes.d*", "github.*"]);
    assert_eq!(group.told, "2 of 3 tools");
}

#[test]
fn models_of_a_database_are_rows_and_covered_by_what_gives_them() {
    let model = |namespace: &str, model: &str, verbs: &[&str]| CatalogueModel {
        namespace: namespace.to_owned(),
        model: model.to_owned(),
        permissions: verbs.iter().map(|verb| format!("{namespace}.{verb}_{model}")).collect(),
    };
    let models = vec![model("blog", "article", &VERBS), model("site", "log", &["view"])];
    let whole = chosen(&["blog.@read", "site.@read", "blog.*", "site.*"]);
    let (tools, areas) = (Vec::new(), Vec::new());
    let server = "site".to_owned();
    let shelf = Shelf { server, tools, models, whole, trouble: None, areas };
    let own = chosen(&["blog.@read", "blog.change_article"]);
    let (grants, _) = grants(&own, &[]);
    let matrix = matrix(&[shelf], &own, &grants);
    let group = &matrix.groups[0];
    let states: Vec<_> = group.models[0]
        .choices
        .iter()
        .flatten()
        .map(|tick| (tick.word, tick.is_chosen, tick.is_covered))
        .collect();
    let expected = [
        ("view", false, true),
        ("add", false, false),
        ("change", true, false),
        ("delete", false, false),
    ];
    assert_eq!(states, expected);
    assert_eq!(group.models[1].choices.iter().flatten().count(), 1, "view alone");
    let names: Vec<_> = group.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!((names, group.whole.len()), (vec!["blog.article", "log"], 4));
    assert_eq!(group.told, "1 of 2 models");
    assert!(matrix.chips.is_empty(), "each of them is a box");
}

#[test]
fn what_is_no_permission_is_told() {
    let (grants, wrong) = grants(&chosen(&["no permission", "notes.get"]), &[]);
    assert_eq!((grants.iter().count(), wrong), (1, chosen(&["no permission"])));
}

#[test]
fn models_are_rows_with_a_box_for_each_verb() {
    let mut shelf = shelf();
    shelf.tools = ["view_article", "add_article", "view_only", "search"]
        .map(|name| tool(name, ToolClass::Read))
        .to_vec();
    let group = matrix(&[shelf], &[], &Grants::default()).groups.remove(0);
    let [model] = &group.models[..] else { panic!("{:?}", group.models) };
    let has: Vec<_> = model.choices.iter().map(Option::is_some).collect();
    assert_eq!((model.name.as_str(), has), ("article", vec![true, true, false, false]));
    let rows: Vec<_> = group.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(rows, ["view_only", "search"]);
}

#[test]
fn areas_are_told_in_words() {
    assert_eq!(told_of_area("plan", "user_stories:write"), "plan: user stories, read and write");
    assert_eq!(told_of_area("plan", "features:read"), "plan: features, read only");
}
