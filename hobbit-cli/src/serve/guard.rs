//! Who gets an answer, and what a page may do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::failure::Failure;

/// The cookie that holds the token.
const COOKIE: &str = "hobbit_token";

/// Who gets an answer.
#[derive(Clone)]
pub(super) struct Guard {
    host: IpAddr,
    /// What others have to know; nothing if only this machine can ask.
    token: Option<Arc<str>>,
}

impl Guard {
    /// For a server at this address. Beyond this machine it makes up a token.
    pub(super) fn new(host: IpAddr) -> Result<Guard, Failure> {
        if host.is_loopback() {
            return Ok(Guard { host, token: None });
        }
        let mut bytes = [0; 16];
        let filled = getrandom::fill(&mut bytes);
        filled.map_err(|error| Failure::Output(format!("this machine gives no random numbers: {error}")))?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Guard { host, token: Some(token.into()) })
    }

    /// The address to open.
    pub(super) fn address(&self, at: SocketAddr) -> String {
        match &self.token {
            None => format!("http://{at}/"),
            Some(token) => format!("http://{at}/?token={token}"),
        }
    }

    /// Whether a request may have an answer.
    fn admits(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        match &self.token {
            None => is_local(headers),
            Some(token) => {
                let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
                let mut cookies =
                    cookies.flat_map(|value| value.split(';')).filter_map(|part| part.trim().split_once('='));
                let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                cookies.any(|(name, value)| name == COOKIE && is_equal(value, token))
                    || bearer
                        .and_then(|text| text.strip_prefix("Bearer "))
                        .is_some_and(|given| is_equal(given, token))
                    || given(uri).is_some_and(|given| is_equal(given, token))
            }
        }
    }
}

/// Whether it was this machine that was asked for: a page of elsewhere, whose name was made to lead here,
/// asks for its own name.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Compares all bytes, however many are equal.
fn is_equal(given: &str, token: &str) -> bool {
    let differing = given.bytes().zip(token.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == token.len() && differing == 0
}

/// The token in an address.
fn given(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|part| part.strip_prefix("token="))
}

/// Answers those who may ask, and says what pages may do: nothing that is not from here.
pub(super) async fn guarded(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.admits(request.headers(), request.uri()) {
        let refused = if guard.host.is_loopback() { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
        return refused.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    // the token stays in a cookie, and out of addresses that are shown and passed on
    let mut response = match (&guard.token, given(request.uri())) {
        (Some(token), Some(_)) => {
            let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict");
            let place = request.uri().path().to_owned();
            (StatusCode::SEE_OTHER, [(header::LOCATION, place), (header::SET_COOKIE, cookie)]).into_response()
        }
        _ => next.run(request).await,
    };
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
          base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
