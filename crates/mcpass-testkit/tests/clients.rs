//! The third-party clients work with the third-party server, without mcpass between them.

use anyhow::Result;
use mcpass_testkit::clients::{CLIENTS, ServerEverything};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn clients_work_with_server_everything_directly() -> Result<()> {
    let server = ServerEverything::start().await?;
    for client in CLIENTS {
        let report = client.run(server.url(), None, "echo", &json!({ "message": "hi" })).await?;
        if client.is_modern_only() {
            // It speaks 2025-11-25 alone. What mcpass adds is that this client works as well.
            assert!(!report.ok, "{report:?}");
            continue;
        }
        assert!(report.ok, "{report:?}");
        assert!(report.tools.contains(&"echo".to_owned()), "{report:?}");
        let result = report.result.unwrap_or_default();
        assert_eq!(result["content"][0]["text"], "Echo: hi");
    }
    Ok(())
}
