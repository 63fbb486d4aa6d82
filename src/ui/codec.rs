//! How messages cross between the page and the worker.

use gloo::worker::Codec;
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

/// A value as JavaScript has it.
pub fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value.serialize(&Serializer::json_compatible()).map_err(Into::into)
}

/// Postcard in a byte array.
pub struct Postcard;

impl Codec for Postcard {
    fn encode<I: Serialize>(input: I) -> JsValue {
        let bytes = crate::view::protocol::encode(&input).expect("a message always has bytes");
        Uint8Array::from(bytes.as_slice()).into()
    }

    fn decode<O>(input: JsValue) -> O
    where
        O: for<'de> Deserialize<'de>,
    {
        let bytes = Uint8Array::from(input).to_vec();
        crate::view::protocol::decode(&bytes).expect("both ends are built from the same types")
    }
}
