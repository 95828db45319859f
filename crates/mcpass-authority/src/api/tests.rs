use mcpass_domain::{SeededEntropy, Timestamp, TokenSecret, time::id_from};
use serde_json::json;

use super::*;

fn facts() -> TokenFacts {
    let entropy = SeededEntropy::new(1);
    TokenFacts {
        family: id_from(&entropy, Timestamp::from_micros(0)).unwrap(),
        name: "reader".to_owned(),
        user: "ana".to_owned(),
        user_active: true,
        hint: "mcp_Ab3dEf9h".to_owned(),
        state: "active".to_owned(),
        state_text: "active".to_owned(),
        created_at: Timestamp::from_micros(1),
        created_by: "operator:root".to_owned(),
        expires_at: None,
        revoked_at: None,
        revoke_reason: String::new(),
        rotated_at: None,
        last_used_at: Some(Timestamp::from_micros(2)),
        last_used_ip: Some("10.0.0.1".to_owned()),
        permissions: vec!["demo.*".to_owned()],
        groups: Vec::new(),
        effective_permissions: Vec::new(),
        limits: LimitsView { per_minute: 60, per_hour: 1_000, max_context: 1_000_000_000 },
        rate_limit_style: "http429".to_owned(),
        cidrs: Vec::new(),
        note: String::new(),
        version: 0,
    }
}

fn issued() -> (TokenSecret, IssuedToken) {
    let entropy = SeededEntropy::new(2);
    let secret = TokenSecret::generate(&entropy).unwrap();
    let token = Plaintext::new(secret.expose());
    let id = id_from(&entropy, Timestamp::from_micros(0)).unwrap();
    (secret, IssuedToken { id, token, facts: facts(), replaces: None, old_ends_at: None })
}

#[test]
fn an_issued_token_begins_with_its_id_and_its_secret() {
    let (secret, issued) = issued();
    let json = serde_json::to_string(&issued).unwrap();
    let start = format!(r#"{{"id":"{}","token":"{}","family":"fam_"#, issued.id, secret.expose());
    assert!(json.starts_with(&start), "{json}");
    assert_eq!(serde_json::from_str::<IssuedToken>(&json).unwrap(), issued);
}

#[test]
fn no_debug_output_holds_a_secret() {
    let (secret, issued) = issued();
    let debug = format!("{:?}", Reply::Issued(Box::new(issued)));
    assert!(!debug.contains(&secret.expose()[20..40]), "{debug}");
}

#[test]
fn replies_come_back_as_they_were() {
    let (_, issued) = issued();
    let reply = Reply::Tokens(Page {
        items: vec![TokenView { id: issued.id, requests_today: None, facts: facts() }],
        next: Some("x".to_owned()),
    });
    let json = serde_json::to_string(&reply).unwrap();
    assert!(json.starts_with(r#"{"kind":"tokens","value":{"items":[{"id":"tok_"#), "{json}");
    assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), reply);
}

#[test]
fn requests_name_their_operation_and_refuse_unknown_fields() {
    let request =
        Request::TokenRevoke(TokenRevoke { id: "tok_1".to_owned(), ..Default::default() });
    let wire = json!({"op": "token.revoke", "id": "tok_1", "reason": "", "family": false});
    assert_eq!(serde_json::to_value(&request).unwrap(), wire);
    let short: Request =
        serde_json::from_value(json!({"op": "token.revoke", "id": "tok_1"})).unwrap();
    assert_eq!(short, request);
    let unknown = json!({"op": "token.revoke", "id": "tok_1", "force": true});
    let error = serde_json::from_value::<Request>(unknown).unwrap_err().to_string();
    assert!(error.contains("force"), "{error}");
    assert_eq!(
        serde_json::from_value::<Request>(json!({"op": "status"})).unwrap(),
        Request::Status
    );
}

#[test]
fn an_error_never_holds_a_token() {
    let (secret, _) = issued();
    let error = ApiError::invalid("id", format!("`{}` is not an id", secret.expose()))
        .with_hint(format!("not {}", secret.expose()));
    let json = serde_json::to_string(&error).unwrap();
    assert!(!json.contains(&secret.expose()[12..]), "{json}");
    assert!(json.contains(secret.hint().as_str()), "{json}");
}
