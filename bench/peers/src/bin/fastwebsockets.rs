//! fastwebsockets behind hyper, as its own examples do it. Each answer is one write: the library has no
//! way to ask whether another message is ready, so there is nothing to batch by.

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::{Request, Response};
use wigwag_bench::{answer, serve};

fn main() -> std::io::Result<()> {
    serve(|stream| async move {
        let io = hyper_util::rt::TokioIo::new(stream);
        let service = hyper::service::service_fn(accept);
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades().await;
    })
}

async fn accept(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    tokio::task::spawn_local(async move {
        if let Ok(socket) = upgraded.await {
            let _ = answer_each(FragmentCollector::new(socket)).await;
        }
    });
    Ok(response)
}

async fn answer_each<S>(mut socket: FragmentCollector<S>) -> Result<(), WebSocketError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        let frame = socket.read_frame().await?;
        let payload = Payload::Owned(answer(&frame.payload));
        match frame.opcode {
            OpCode::Text => socket.write_frame(Frame::text(payload)).await?,
            OpCode::Binary => socket.write_frame(Frame::binary(payload)).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
