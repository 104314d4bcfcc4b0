//! The embedded pages as HTTP routes.

use axum::{
    Router,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    routing::get,
};

/// One route per file, and `/` for the page. GET and HEAD; what is not a file is the server's 404.
pub(crate) fn router() -> Router {
    std::iter::once("/").chain(wigwag_web::paths()).fold(Router::new(), |router, path| {
        let file = wigwag_web::file(path).expect("every path that is listed has a file");
        let headers = [
            (CONTENT_TYPE, file.content_type),
            (CACHE_CONTROL, file.cache),
            (CONTENT_SECURITY_POLICY, wigwag_web::CONTENT_SECURITY_POLICY),
        ];
        router.route(path, get(move || async move { (headers, file.bytes) }))
    })
}
