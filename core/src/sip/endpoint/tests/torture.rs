//! RFC 4475 once more: what the server answers in the end.

use std::path::PathBuf;

use super::*;

/// RFC 4475.
#[test]
fn every_torture_message_gets_the_answer_the_rfc_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/rfc4475");
    let table = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut seen = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let row: Vec<&str> = line.split('\t').collect();
        let (name, wire, expected) = (row[0], row[2], row[3]);
        let data = std::fs::read(folder.join(format!("{name}.dat"))).unwrap();
        let mut bench = Bench::udp();
        bench
            .endpoint
            .handle_message(bench.now, bench.path, &data.into());
        let events = bench.events();
        let answers: Vec<u16> = bench
            .sent()
            .into_iter()
            .map(|(_, message)| match message {
                Message::Response(response) => response.status,
                Message::Request(request) => panic!("{name}: {request:?}"),
            })
            .collect();
        let expected = if wire == "accept" { expected } else { wire };
        match expected.get(..3).and_then(|status| status.parse().ok()) {
            // The user of the endpoint decides: it is asked, and nothing is answered yet.
            Some(status @ (401 | 404 | 481)) => {
                let [EndpointEvent::Request { txn, request, .. }] = &events[..] else {
                    panic!("{name}: {events:?} {answers:?}");
                };
                assert!(answers.is_empty(), "{name}: {answers:?}");
                bench.responds(*txn, request, status);
                assert_eq!(bench.answer().status, status, "{name}");
            }
            Some(status) => {
                assert_eq!(answers, [status], "{name}");
                assert_eq!(events, [], "{name}");
            }
            None => {
                assert!(answers.is_empty(), "{name}: {answers:?}");
                assert_eq!(events, [], "{name}");
            }
        }
        seen += 1;
        bench.pass(Duration::from_secs(4_000));
        bench.sent();
        bench.events();
        assert!(bench.endpoint.is_idle(), "{name}");
    }
    assert_eq!(seen, 49);
}
