use serde_json::json;

use super::*;

#[test]
fn members_keep_their_order() {
    let mut object = Object::new();
    object.number("z", 1).text("a", "\"").flag("m", true).value("v", &json!([1]));
    object.raw("r", "null");
    assert_eq!(object.finish(), r#"{"z":1,"a":"\"","m":true,"v":[1],"r":null}"#);
    assert_eq!(Object::new().finish(), "{}");
    assert_eq!(array(["1", "2"]), "[1,2]");
    assert_eq!(array::<&str>([]), "[]");
}
