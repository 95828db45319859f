use proptest::prelude::*;

use super::*;
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
