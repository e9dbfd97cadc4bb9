//! whatsapp-rust as clients of the loopback WhatsApp, driven by a test in Go.
//!
//! It speaks as baileys.mjs does: lines of JSON on standard input and output. A request is
//! {"n", "client", "do", ...}, its answer {"n", "result"} or {"n", "error"}. What happens to a client
//! comes as {"client", "event", ...}. The program ends with its input.
//!
//! Environment: LOOPBACK_URL. It checks neither the certificate of TLS nor that of Noise, because the
//! crate has the root's key built in.
#![recursion_limit = "512"]

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::client::Client;
use whatsapp_rust::http::UreqHttpClient;
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::prelude::*;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::types::events::{ChannelEventHandler, Event};

fn emit(line: Value) {
    println!("{line}");
}

struct Linked {
    client: Arc<Client>,
    _handle: BotHandle,
}

/// tell passes on what happens to a client.
fn tell(name: &str, event: &Event) {
    let say = |event: &str, rest: Value| {
        let mut line = json!({"client": name, "event": event});
        if let (Some(line), Some(rest)) = (line.as_object_mut(), rest.as_object()) {
            line.extend(rest.clone());
        }
        emit(line);
    };
    match event {
        Event::PairingQrCode(qr) => say("qr", json!({"qr": qr.code})),
        Event::PairingCode(code) => say("code", json!({"text": code.code})),
        Event::Connected(_) => say("open", json!({})),
        Event::Disconnected(_) => say("close", json!({})),
        Event::LoggedOut(_) => say("logged out", json!({})),
        Event::StreamReplaced(_) => say("replaced", json!({})),
        Event::StreamError(e) => say("stream error", json!({"why": e.code})),
        Event::UndecryptableMessage(m) => say("unreadable", json!({"id": m.info.id})),
        Event::Receipt(r) => {
            for id in &r.message_ids {
                say("receipt", json!({"id": id, "kind": format!("{:?}", r.r#type)}));
            }
        }
        Event::Messages(_) => {
            for m in event.messages() {
                say("message", json!({
                    "id": m.info.id, "chat": m.info.source.chat.to_string(), "mine": m.info.source.is_from_me,
                    "name": m.info.push_name, "text": m.message.text_content().unwrap_or_default(),
                    "timer": m.info.ephemeral_expiration.unwrap_or_default(), "live": !m.info.is_offline,
                    "participant": m.info.source.sender.to_string(),
                }));
            }
        }
        _ => {}
    }
}

/// open links a client: by the QR text that it tells, and by a code if the request has a number.
async fn open(name: &str, request: &Value) -> Result<Linked> {
    let url = std::env::var("LOOPBACK_URL").context("LOOPBACK_URL")?;
    let mut builder = Bot::builder()
        .with_backend(InMemoryBackend::new())
        .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(url))
        .with_http_client(UreqHttpClient::new())
        .with_runtime(whatsapp_rust::TokioRuntime)
        .with_version((2, 3000, 0));
    if let Some(number) = request["number"].as_str() {
        builder = builder.with_pair_code(PairCodeOptions { phone_number: number.to_string(), ..Default::default() });
    }
    let bot = builder.build().await?;
    let client = bot.client();
    client.set_force_active_delivery_receipts(true);
    let (handler, events) = ChannelEventHandler::new();
    client.subscribe_handler(handler).detach();
    let told = name.to_string();
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            tell(&told, &event);
        }
    });
    Ok(Linked { client, _handle: bot.spawn() })
}

async fn act(client: &Arc<Client>, request: &Value) -> Result<Value> {
    let text = |name: &str| request[name].as_str().ok_or_else(|| anyhow!("{name} is missing"));
    match text("do")? {
        "send" => {
            let to: Jid = text("to")?.parse()?;
            let message = wa::Message { conversation: Some(text("text")?.to_string()), ..Default::default() };
            Ok(json!(client.send_message(to, message).await?.message_id))
        }
        "read" => {
            let chat: Jid = text("chat")?.parse()?;
            client.mark_as_read(&chat, None, &[text("id")?]).await?;
            Ok(Value::Null)
        }
        "reconnect" => {
            client.reconnect_immediately().await;
            Ok(Value::Null)
        }
        "close" => {
            client.disconnect().await;
            Ok(Value::Null)
        }
        other => Err(anyhow!("unknown request {other}")),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut clients: HashMap<String, Linked> = HashMap::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Value = serde_json::from_str(&line)?;
        let name = request["client"].as_str().unwrap_or_default().to_string();
        let n = request["n"].clone();
        let answer = move |result: Result<Value>| match result {
            Ok(result) => emit(json!({"n": n, "result": result})),
            Err(error) => emit(json!({"n": n, "error": format!("{error:#}")})),
        };
        if request["do"] == "open" {
            let opened = open(&name, &request).await;
            answer(opened.map(|linked| {
                clients.insert(name, linked);
                Value::Null
            }));
        } else if let Some(linked) = clients.get(&name) {
            let client = linked.client.clone();
            tokio::spawn(async move { answer(act(&client, &request).await) });
        } else {
            answer(Err(anyhow!("no such client")));
        }
    }
    Ok(())
}
