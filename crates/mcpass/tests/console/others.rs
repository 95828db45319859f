//! What a user without permissions can reach of others: nothing, by any address.

use anyhow::{Context, Result};
use mcpass_testkit::Visitor;
use mcpass_testkit::browser::Find;
use serde_json::Value;

use crate::{Desk, PASSWORD, holds};

/// Signs up `bo`, who holds nothing but `up.look`.
async fn bo(desk: &Desk) -> Result<Visitor> {
    desk.mcpass.cli(&["user", "create", "bo", "--permission", "up.look"]).await?;
    let link = desk.mcpass.cli(&["user", "invite", "bo"]).await?;
    let url = link["url"].as_str().context("a link")?.to_owned();
    let mut bo = Visitor::new(&desk.mcpass)?;
    bo.take_link(&url, PASSWORD).await?;
    Ok(bo)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_others_cannot_be_reached_by_its_address() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let token = ["token", "create", "--name", "Anas own", "--user", "ana", "--permission", "up.*"];
    let token = desk.mcpass.cli(&token).await?;
    let (id, secret) = (text(&token, "id")?, text(&token, "token")?);
    let body = mcpass_testkit::wire::call("look", "a secret of ana");
    desk.mcpass.post("/mcp/up", Some(&secret), &body).await?;
    desk.mcpass.cli(&["group", "create", "editors", "--permission", "up.*"]).await?;
    let row = desk.mcpass.log().await?.pop().context("a row")?;
    let row = row["id"].to_string().trim_matches('"').to_owned();
    let mut bo = bo(&desk).await?;
    assert_eq!(bo.get("/tokens").await?.status, 200, "bo is in");

    let paths = [
        format!("/tokens/{id}"),
        format!("/tokens/{id}/rotate"),
        format!("/tokens/{id}/revoke"),
        format!("/tokens/{id}/disable"),
        format!("/tokens/{id}/permissions"),
        format!("/tokens/{id}/created"),
        format!("/tokens/new?from={id}"),
        format!("/log/{row}"),
        "/log?user=ana".to_owned(),
        "/tokens?user=ana".to_owned(),
        "/users".to_owned(),
        "/users/ana".to_owned(),
        "/users/new".to_owned(),
        "/groups".to_owned(),
        "/groups/editors".to_owned(),
        "/servers/new".to_owned(),
        "/servers/up".to_owned(),
        "/servers/up/edit".to_owned(),
        "/audit".to_owned(),
        "/settings".to_owned(),
        "/search?q=Anas".to_owned(),
        "/".to_owned(),
        "/log".to_owned(),
    ];
    for path in &paths {
        let answer = bo.get(path).await?;
        let told = answer.text();
        for others in ["Anas own", "editors", "a secret of ana", &upstream_of(&desk).await?] {
            let is_asked = path.contains(others);
            holds(
                is_asked || !told.contains(others),
                format_args!("{path} tells {others}: {told}"),
            )?;
        }
        holds(answer.status < 500, format_args!("{path}: {}", answer.shown()))?;
    }
    is_unchanged(&desk, &mut bo, &id, &secret).await
}

/// Sends every form that changes something of ana's, as bo.
async fn is_unchanged(desk: &Desk, bo: &mut Visitor, id: &str, secret: &str) -> Result<()> {
    let csrf = bo.csrf("/account").await?;
    let token = |deed: &str| format!("/tokens/{id}{deed}");
    let forms: Vec<(String, Vec<(&str, &str)>)> = vec![
        (token(""), vec![("name", "Bos own"), ("expires", "never")]),
        (token("/permissions"), vec![("permission", "*")]),
        (token("/rotate"), vec![("overlap", "0")]),
        (token("/revoke"), vec![("reason", "because")]),
        (token("/disable"), vec![]),
        (token("/enable"), vec![]),
        ("/tokens/bulk".to_owned(), vec![("id", id), ("deed", "revoke"), ("sure", "yes")]),
        (
            "/tokens/new".to_owned(),
            vec![("name", "x"), ("user", "ana"), ("permission", "up.look"), ("expires", "90d")],
        ),
        (
            "/tokens/new".to_owned(),
            vec![("name", "x"), ("user", "bo"), ("permission", "up.destroy"), ("expires", "90d")],
        ),
        ("/users/new".to_owned(), vec![("name", "mallory"), ("superuser", "yes")]),
        ("/users/bo".to_owned(), vec![("superuser", "yes")]),
        ("/users/ana/active".to_owned(), vec![("active", "no")]),
        ("/users/ana/link".to_owned(), vec![("purpose", "reset")]),
        ("/users/ana/sessions".to_owned(), vec![]),
        ("/groups/new".to_owned(), vec![("name", "mine"), ("permissions", "*")]),
        ("/groups/editors".to_owned(), vec![("name", "editors"), ("permissions", "*")]),
        ("/groups/editors/delete".to_owned(), vec![]),
        (
            "/servers/new".to_owned(),
            vec![("name", "evil"), ("kind", "stdio"), ("command", "/bin/sh")],
        ),
        ("/servers/up/switch".to_owned(), vec![("enabled", "no")]),
        ("/servers/up/remove".to_owned(), vec![]),
    ];
    for (path, fields) in &forms {
        let answer =
            bo.post(path, &[fields.as_slice(), &[("csrf", csrf.as_str())]].concat()).await?;
        holds(
            (400..500).contains(&answer.status),
            format_args!("{path} {fields:?}: {}", answer.shown()),
        )?;
        holds(!answer.text().contains("/reset/"), path)?;
    }
    // What bo may do is done by the same form, so it was not the form that was refused.
    let own = [("name", "Bos own"), ("user", "bo"), ("permission", "up.look"), ("expires", "90d")];
    let answer = bo.post("/tokens/new", &[&own[..], &[("csrf", csrf.as_str())]].concat()).await?;
    assert_eq!(answer.status, 303, "{}", answer.shown());
    let body = mcpass_testkit::wire::call("look", "still mine");
    let answer = desk.mcpass.post("/mcp/up", Some(secret), &body).await?;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    let shown = desk.mcpass.cli(&["token", "show", id]).await?;
    assert_eq!(shown["name"], "Anas own", "{shown}");
    assert_eq!(desk.mcpass.cli(&["user", "show", "bo"]).await?["is_superuser"], false);
    desk.open("/account").await?;
    desk.browser.find(Find::Css("#viewer")).await?;
    Ok(())
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {value}"))
}

/// The address behind mcpass, which is nobody's business.
async fn upstream_of(desk: &Desk) -> Result<String> {
    let server = desk.mcpass.cli(&["server", "show", "up"]).await?;
    let url = server.pointer("/url").or(server.pointer("/settings/url"));
    url.and_then(Value::as_str).map(str::to_owned).with_context(|| format!("{server}"))
}
