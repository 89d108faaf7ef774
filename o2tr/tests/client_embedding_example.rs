//! The program of `docs/embedding.md` does what the page says.

#[path = "../examples/embed.rs"]
#[allow(dead_code, reason = "its main function is not called here")]
mod embed;

#[tokio::test]
async fn the_example_talks_in_private() {
    let read = tokio::time::timeout(std::time::Duration::from_secs(60), embed::run()).await;
    assert_eq!(read.unwrap().unwrap(), "Hello, and nobody else reads this.");
}
