//! Private parsers, within reach of `tests/fuzz`.

use super::{Failure, Header, ReplayError, Request, client::read_header};

/// Reads a request as the relay does.
pub fn read_request(bytes: &[u8]) -> Result<Request, Failure> {
    Request::parse(bytes)
}

/// Writes a request as a consumer does.
pub fn write_request(request: &Request) -> Vec<u8> {
    request.to_json()
}

/// Reads the first frame of an answer as a consumer does.
pub fn read_answer_header(bytes: &[u8]) -> Result<Header, ReplayError> {
    read_header(bytes, "tcp://relay:5573")
}
