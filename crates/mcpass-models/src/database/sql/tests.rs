use proptest::prelude::*;

use super::*;
use crate::database::access::Right;
use crate::database::fixture::{Blog, Holder};
use crate::database::model::Ident;

proptest! {
    #[test]
    fn names_cannot_end_their_quotes(name in r#"["'a-c; \\-]{1,10}"#) {
        let leaked: &'static str = Box::leak(name.clone().into_boxed_str());
        let mut sql = Sql::new(Dialect::Sqlite);
        sql.ident(&Ident::literal(leaked));
        let statement = sql.finish();
        let inner = &statement.sql()[1..statement.sql().len() - 1];
        prop_assert!(!inner.replace("\"\"", "").contains('"'));
        prop_assert_eq!(inner.replace("\"\"", "\""), name);
    }
}

#[test]
fn values_are_parameters_alone() {
    for (dialect, text) in
        [(Dialect::Postgres, "SELECT $1, $2"), (Dialect::Sqlite, "SELECT ?1, ?2")]
    {
        let mut sql = Sql::new(dialect);
        sql.push("SELECT ").bind(Datum::Text("'; DROP".to_owned())).push(", ");
        sql.bind(Datum::Integer(1));
        let statement = sql.finish();
        assert_eq!(statement.sql(), text);
        assert_eq!(statement.parameters().len(), 2);
    }
}

#[tokio::test]
async fn writes_carry_the_row_scope() {
    let settings = "[models.article]\nwhere = \"tenant = 1 AND owner = :user\"";
    for blog in Blog::both(settings).await {
        let holder = Holder::of(&["blog.*"]);
        let writable = holder.access(&blog.database).writable("article", Right::Delete).unwrap();
        let title = writable.model().field("title").unwrap();
        let set = || vec![(title, Set::Value(Datum::Null))];
        let (dialect, keys) = (blog.database.engine.dialect(), [vec![Datum::Integer(1)]]);
        let update = Sql::update(dialect, &writable, set(), &keys, None);
        let delete = Sql::delete(dialect, &writable, &keys);
        for statement in [update, delete] {
            let text = statement.sql();
            assert!(text.contains("AND (tenant = 1 AND owner = "), "{text}");
            assert_eq!(statement.parameters().last(), Some(&Datum::Text("ana".to_owned())));
        }
    }
}
