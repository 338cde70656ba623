//! The recorded kubectl transcripts, for the tests of the pure rooms. See `tests/transcripts/README.md`.

use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

static COMMANDS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let text = unpack(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/transcripts.jsonl.gz"),
    );
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
});

fn unpack(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out = Vec::new();
    GzDecoder::new(packed.as_slice())
        .read_to_end(&mut out)
        .unwrap();
    out
}

/// One value a command, in the order of the recording.
pub(crate) fn commands() -> &'static [Value] {
    &COMMANDS
}

/// A body kept in a file of its own.
pub(crate) fn file(name: &str) -> Vec<u8> {
    unpack(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/transcripts")
            .join(name),
    )
}

/// A JSON body kept in a file of its own.
pub(crate) fn json_file(name: &str) -> Value {
    serde_json::from_slice(&file(name)).unwrap()
}

/// A value as sorted, indented lines, for comparisons whose failures can be read.
pub(crate) fn lines(value: &Value) -> Vec<String> {
    serde_json::to_string_pretty(value)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}
