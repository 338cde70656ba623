//! Bearer tokens of service accounts: signed JWTs as a real server makes them
//! (kubernetes.io "Managing Service Accounts"), but with an elliptic-curve key. Pure but for random numbers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

/// Who issues the tokens, and for whom they are unless asked otherwise.
pub const ISSUER: &str = "https://kubernetes.default.svc";
/// Seconds a token lives when nothing is asked.
pub const LIFETIME_SECONDS: i64 = 3_600;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The account's namespace.
    pub namespace: String,
    /// The account's name.
    pub name: String,
    /// The account's uid: a token of an account that was made anew is not valid.
    pub uid: String,
    /// For whom; empty: everybody (tokens kept in Secrets).
    pub audiences: Vec<String>,
    /// Until when, in seconds since 1970; `None`: for ever.
    pub expires: Option<i64>,
    /// Since when.
    pub issued: i64,
    /// The token's own id; empty for tokens kept in Secrets.
    pub id: String,
    /// The Secret that keeps it, for tokens that live as long as a Secret.
    pub secret: Option<String>,
}

/// Why tokens cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("making the key that signs service account tokens")]
pub struct TokenKeyError;

/// Signs and checks the tokens of one server.
pub struct TokenIssuer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenIssuer")
    }
}

impl TokenIssuer {
    /// With a new key.
    pub fn new() -> Result<Self, TokenKeyError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document =
            EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_opaque| TokenKeyError)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|_opaque| TokenKeyError)?;
        Ok(Self { key, random })
    }

    /// A signed token; `None` when the machine has no random numbers.
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        let header = json!({"alg": "ES256", "kid": self.key_id(), "typ": "JWT"});
        let text = format!("{}.{}", encode(&header), encode(&claims.to_value()));
        let signature = self.key.sign(&self.random, text.as_bytes()).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// What a token says, if this server signed it and it is still valid.
    pub fn verify(&self, token: &str, now: i64) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_header, body) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        let body: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        let claims = Claims::from_value(&body)?;
        claims
            .expires
            .is_none_or(|expires| now < expires)
            .then_some(claims)
    }

    fn key_id(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.key.public_key().as_ref());
        URL_SAFE_NO_PAD.encode(digest)
    }

    /// The public key for others who check tokens (`/openid/v1/jwks`).
    pub fn key_set(&self) -> Value {
        // An uncompressed point: 0x04, then the two coordinates.
        let point = self.key.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
        json!({"keys": [{"use": "sig", "kty": "EC", "kid": self.key_id(), "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]})
    }
}

impl Claims {
    /// The account as a user.
    pub fn user(&self) -> super::User {
        let mut user = super::User::service_account(&self.namespace, &self.name, &self.uid);
        if !self.id.is_empty() {
            let key = "authentication.kubernetes.io/credential-id".to_owned();
            user.extra.insert(key, vec![format!("JTI={}", self.id)]);
        }
        user
    }

    fn to_value(&self) -> Value {
        let subject = format!("system:serviceaccount:{}:{}", self.namespace, self.name);
        let mut value = json!({"iss": ISSUER, "sub": subject, "iat": self.issued, "nbf": self.issued,
            "kubernetes.io": {"namespace": self.namespace, "serviceaccount": {"name": self.name, "uid": self.uid}}});
        if !self.audiences.is_empty() {
            value["aud"] = json!(self.audiences);
        }
        if let Some(expires) = self.expires {
            value["exp"] = json!(expires);
        }
        if !self.id.is_empty() {
            value["jti"] = json!(self.id);
        }
        if let Some(secret) = &self.secret {
            value["kubernetes.io"]["secret"] = json!({"name": secret});
        }
        value
    }

    fn from_value(value: &Value) -> Option<Self> {
        let about = &value["kubernetes.io"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            namespace: text(&about["namespace"])?,
            name: text(&about["serviceaccount"]["name"])?,
            uid: text(&about["serviceaccount"]["uid"])?,
            audiences: value["aud"]
                .as_array()
                .map(|list| list.iter().filter_map(text).collect())
                .unwrap_or_default(),
            expires: value["exp"].as_i64(),
            issued: value["iat"].as_i64()?,
            id: text(&value["jti"]).unwrap_or_default(),
            secret: text(&about["secret"]["name"]),
        })
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            namespace: "shop".to_owned(),
            name: "clerk".to_owned(),
            uid: "u".to_owned(),
            audiences: vec![ISSUER.to_owned()],
            expires: Some(100),
            issued: 1,
            id: "j".to_owned(),
            secret: None,
        }
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_expires() {
        let issuer = TokenIssuer::new().unwrap();
        let token = issuer.sign(&claims()).unwrap();
        assert_eq!(issuer.verify(&token, 99), Some(claims()));
        assert_eq!(issuer.verify(&token, 100), None);
        assert_eq!(
            TokenIssuer::new().unwrap().verify(&token, 99),
            None,
            "another server's token"
        );
        for broken in [
            "",
            "a",
            "a.b",
            "a.b.c",
            token.trim_start_matches(char::is_alphabetic),
        ] {
            assert_eq!(issuer.verify(broken, 0), None, "{broken:?}");
        }
        assert_eq!(
            issuer.key_set()["keys"][0]["x"].as_str().map(str::len),
            Some(43)
        );
    }
}
