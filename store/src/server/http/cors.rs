//! Which web pages may ask: etcd's `--cors`.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

/// Origins whose pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// etcd's default.
    #[default]
    Any,
    Only(BTreeSet<String>),
}

impl Origins {
    /// What an answer says of the request's origin, if it may read it.
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Only(origins) => {
                let origin = origin?;
                origins.contains(origin.to_str().ok()?).then(|| origin.clone())
            }
        }
    }
}

/// Adds what browsers want to know to every answer, and answers what they ask beforehand.
pub(in crate::server) fn allow_origins(router: Router, origins: Origins) -> Router {
    router.layer(axum::middleware::from_fn_with_state(origins, serve))
}

async fn serve(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let allowed = origins.allowed(request.headers().get(header::ORIGIN));
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::OK.into_response(),
        _ => next.run(request).await,
    };
    if let Some(allowed) = allowed {
        let methods = HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE");
        let accepted = HeaderValue::from_static("accept, content-type, authorization");
        let headers = response.headers_mut();
        headers.append(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.append(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, accepted);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_allowed_as_listed() {
        let page = HeaderValue::from_static("https://a.example");
        let any = HeaderValue::from_static("*");
        let only = |origin: &str| Origins::Only(BTreeSet::from([origin.to_owned()]));
        let cases = [
            (Origins::Any, None, Some(&any)),
            (Origins::Any, Some(&page), Some(&any)),
            (only("https://a.example"), Some(&page), Some(&page)),
            (only("https://b.example"), Some(&page), None),
            (only("https://a.example"), None, None),
        ];
        for (origins, asked, expected) in cases {
            assert_eq!(origins.allowed(asked).as_ref(), expected, "{origins:?}");
        }
    }
}
