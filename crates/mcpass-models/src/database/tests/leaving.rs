//! Callers that leave in the middle of a call: all of it is done or nothing of it, with its history.

use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::{Value, json};

use super::super::access::Operation::{History, List, Update};
use super::super::fixture::Blog;

/// A future that is given up when it has had to wait so many times.
struct Impatient<F> {
    inner: Pin<Box<F>>,
    waits: usize,
}

impl<F: Future> Future for Impatient<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.inner.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

/// Writes to a row, its links and two others, so that each is of one number.
fn write(number: usize) -> Value {
    let title = format!("round {number}");
    json!({"id": 1, "data": {"title": title, "tags": [1 + number % 4]}, "inlines": {"comment": [
        {"id": 1, "data": {"body": title}}, {"data": {"body": title}}]}})
}

/// The state after some rounds: title, tag, comment, comments, changes in the history.
async fn state(blog: &Blog) -> (Value, Value, Value, Value, Value) {
    let row = blog.row("article", 1).await;
    let comment = blog.row("comment", 1).await;
    let filters = json!({"filters": {"article": 1}, "limit": 0});
    let comments = blog.call(List, "comment", filters).await;
    let told = blog.call(History, "article", json!({"id": 1, "limit": 1000})).await.unwrap();
    let total = comments.unwrap()["total_count"].clone();
    (
        row["title"].clone(),
        row["tags"].clone(),
        comment["body"].clone(),
        total,
        told["count"].clone(),
    )
}

#[tokio::test]
async fn a_caller_that_leaves_leaves_nothing_half_done() {
    for blog in Blog::both("with_history = true").await {
        let (mut done, mut left) = (0_usize, 0_usize);
        let mut before = state(&blog).await;
        // On a busy machine much is ready at the first look, so it is left again from the start.
        let mut waits = 0;
        for round in 0..400 {
            let call = blog.call(Update, "article", write(round));
            let answer = Impatient { inner: Box::pin(call), waits }.await;
            // Waits for the locks that the call may still have, and changes nothing.
            let nothing = json!({"id": 1, "data": {}});
            blog.call(Update, "article", nothing).await.unwrap();
            let after = state(&blog).await;
            let is_done = after.0 == format!("round {round}");
            if is_done {
                let number = |value: &Value| value.as_u64().unwrap() + 1;
                assert_eq!(after.1, json!([1 + round % 4]));
                assert_eq!(after.2, format!("round {round}"));
                assert_eq!(after.3, number(&before.3));
                assert_eq!(after.4, number(&before.4), "its history is there");
            } else {
                assert_eq!(after, before, "left after {waits} waits");
            }
            match answer {
                Some(answer) => {
                    assert!(answer.is_ok() && is_done, "{answer:?}");
                    done += 1;
                    waits = if done % 3 == 0 { 0 } else { waits + 1 };
                }
                None => {
                    left += 1;
                    waits += 1;
                }
            }
            before = after;
            if done >= 3 && left > 3 {
                break;
            }
        }
        assert!(done >= 3 && left > 3, "{done} done, {left} left");
    }
}
