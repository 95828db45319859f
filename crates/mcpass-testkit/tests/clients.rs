//! The third-party clients work with the third-party server, without mcpass between them.

use anyhow::Result;
use mcpass_testkit::clients::{CLIENTS, ServerEverything, Step};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn clients_work_with_server_everything_directly() -> Result<()> {
    let server = ServerEverything::start().await?;
    for client in CLIENTS {
        let url = server.url();
        if client.is_modern_only() {
            // It speaks 2025-11-25 alone. What mcpass adds is that this client works as well.
            let report = client.run(url, None, &[Step::list()]).await?;
            assert!(report.complaint().is_some(), "{report:?}");
            continue;
        }
        let arguments = json!({ "message": "hi" });
        let (tools, result) = client.list_and_call(url, None, "echo", arguments).await?;
        assert!(tools.contains(&"echo".to_owned()), "{client:?}: {tools:?}");
        assert_eq!(result["content"][0]["text"], "Echo: hi", "{client:?}");
    }
    Ok(())
}
