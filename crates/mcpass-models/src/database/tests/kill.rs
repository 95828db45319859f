//! `kill -9` while rows are written in bulk: all of a call or nothing of it, with its history.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::super::access::Operation::Bulk;
use super::super::fixture::{Blog, attach};
use super::super::sql::{Datum, Sql};

const HISTORY: &str = "with_history = true";
/// Rows of one call.
const ROWS: usize = 20;
const URL: &str = "MCPASS_TEST_DATABASE";

#[tokio::test]
async fn all_or_nothing_of_a_bulk_survives_kill_9_with_its_history() {
    for blog in Blog::both(HISTORY).await {
        for round in 0..6 {
            let told = kill_after(&blog.url, 1 + 5 * round);
            check(&blog, round, &told).await;
            blog.execute("DELETE FROM tag WHERE name LIKE 'k%'".to_owned()).await;
            blog.execute("DELETE FROM mcpass_history".to_owned()).await;
        }
    }
}

/// Starts a child that writes, and kills it when it has told of so many calls. What it told.
fn kill_after(url: &str, count: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "database::tests::kill::writes_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = Vec::new();
    while told.len() < count {
        let line = lines.next().expect("the child goes on until it is killed").unwrap();
        told.extend(line.strip_prefix("told ").map(str::to_owned));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between the last line and its end counts too.
    told.extend(lines.filter_map(|line| Some(line.ok()?.strip_prefix("told ")?.to_owned())));
    // The last line may be torn.
    told.retain(|line| line.ends_with("ed"));
    told
}

#[tokio::test]
#[ignore = "the child of all_or_nothing_of_a_bulk_survives_kill_9_with_its_history"]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var(URL) else { return };
    let blog = attach(&url, HISTORY).await;
    for batch in 0_u32.. {
        let items: Vec<Value> =
            (0..ROWS).map(|at| json!({"name": format!("k{batch}-{at}")})).collect();
        let given = json!({"operation": "create", "items": items});
        let answer = blog.call(Bulk, "tag", given).await.unwrap();
        println!("told {batch} created");
        let created = answer["results"]["success"].as_array().unwrap();
        let items: Vec<Value> = created
            .iter()
            .enumerate()
            .map(
                |(at, each)| json!({"id": each["id"], "data": {"name": format!("k{batch}-{at}+")}}),
            )
            .collect();
        let given = json!({"operation": "update", "items": items});
        blog.call(Bulk, "tag", given).await.unwrap();
        println!("told {batch} updated");
    }
}

async fn read(blog: &Blog, sql: &'static str) -> Vec<Vec<Datum>> {
    let engine = &blog.database.engine;
    engine.read(Sql::literal(engine.dialect(), sql)).await.unwrap().all().unwrap()
}

async fn check(blog: &Blog, round: usize, told: &[String]) {
    // Rows of each batch: how many there are, and how many of them were updated.
    let mut batches: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut keys: BTreeMap<String, bool> = BTreeMap::new();
    for row in read(blog, "SELECT id, name FROM tag WHERE name LIKE 'k%'").await {
        let (id, name) = (row[0].as_integer().unwrap(), row[1].as_text().unwrap());
        let batch = name[1..].split_once('-').unwrap().0.to_owned();
        let is_updated = name.ends_with('+');
        let entry = batches.entry(batch).or_default();
        *entry = (entry.0 + 1, entry.1 + usize::from(is_updated));
        keys.insert(id.to_string(), is_updated);
    }
    for (batch, (created, updated)) in &batches {
        assert_eq!(*created, ROWS, "round {round}: part of batch {batch} was created");
        assert!([0, ROWS].contains(updated), "round {round}: part of batch {batch} was updated");
    }
    for line in told {
        let (batch, what) = line.split_once(' ').unwrap();
        let (created, updated) = batches.get(batch).copied().unwrap_or_default();
        let is_there = if what == "updated" { updated } else { created } == ROWS;
        assert!(is_there, "round {round}: `{line}` was told and is not so");
    }
    let mut history: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for row in read(blog, "SELECT object_id, kind FROM mcpass_history").await {
        let entry = history.entry(row[0].as_text().unwrap().to_owned()).or_default();
        match row[1].as_text().unwrap() {
            "created" => entry.0 += 1,
            "changed" => entry.1 += 1,
            other => panic!("{other}"),
        }
    }
    let expected: BTreeMap<String, (usize, usize)> =
        keys.into_iter().map(|(id, is_updated)| (id, (1, usize::from(is_updated)))).collect();
    assert_eq!(history, expected, "round {round}: the history is of what was done");
}
