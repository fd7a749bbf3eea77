//! The address of the service and the credentials for it, from the variables and files that all tools read.

use super::errors::NO_CREDENTIALS;
use super::location::{Location, ServiceKind};
use super::options::{BucketOptions, FIRST_PAUSE, LONGEST_PAUSE, OpenError};
use super::service::azure::settings::AzureAccount;
use super::signing::Signer;
use super::variables::{Variables, checked};
use super::watched::WatchedConnector;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The region that services have which are not Amazon's, unless told another one.
const DEFAULT_REGION: &str = "us-east-1";

/// The address of Google's service, which has an interface for S3 clients.
const GOOGLE_ENDPOINT: &str = "https://storage.googleapis.com";

/// The key of a section of services that has the address of that for S3.
const ENDPOINT_OF_S3: &str = "s3.endpoint_url";

/// A service that does not take a connection for so long is asked again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything that requests need.
pub(crate) struct Settings {
    pub(crate) account: Account,
    pub(crate) connection: ClientOptions,
    /// The connection of requests that carry content, or have the service copy it.
    pub(crate) content_connection: ClientOptions,
    pub(crate) location: Location,
}

/// The service that is asked, and who asks.
pub(crate) enum Account {
    S3(AmazonS3Builder),
    Azure(AzureAccount),
}

impl Settings {
    /// Reads variables and profiles.
    pub(crate) fn read(
        location: &Location,
        options: &BucketOptions,
        variables: Variables<'_>,
    ) -> Result<Self, OpenError> {
        let mut connection = ClientOptions::new()
            // Who gives such an address means it. Keys are never sent, but sign; tokens are refused where they would be.
            .with_allow_http(true)
            .with_http1_only()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(options.answer_timeout)
            .with_timeout_disabled();
        let account = match location.service {
            ServiceKind::Azure => Account::Azure(AzureAccount::read(options.endpoint.as_deref(), variables)?),
            ServiceKind::S3 | ServiceKind::Google => {
                connection = with_certificates(connection, variables)?;
                let backoff = BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
                let retry = RetryConfig { backoff, max_retries: 1000, retry_timeout: options.patience };
                Account::S3(Self::read_s3(location, options, variables)?.with_retry(retry))
            }
        };
        let content_connection = connection.clone().with_read_timeout(options.content_timeout);
        Ok(Self { account, connection, content_connection, location: location.clone() })
    }

    fn read_s3(
        location: &Location,
        options: &BucketOptions,
        variables: Variables<'_>,
    ) -> Result<AmazonS3Builder, OpenError> {
        let mut builder = AmazonS3Builder::new().with_bucket_name(&location.bucket);
        for key in [
            AmazonS3ConfigKey::AccessKeyId,
            AmazonS3ConfigKey::SecretAccessKey,
            AmazonS3ConfigKey::Token,
            AmazonS3ConfigKey::Region,
            AmazonS3ConfigKey::DefaultRegion,
            AmazonS3ConfigKey::SkipSignature,
            AmazonS3ConfigKey::VirtualHostedStyleRequest,
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
            AmazonS3ConfigKey::ContainerAuthorizationTokenFile,
            AmazonS3ConfigKey::WebIdentityTokenFile,
            AmazonS3ConfigKey::RoleArn,
            AmazonS3ConfigKey::RoleSessionName,
        ] {
            if let Some(value) = variables(&key.as_ref().to_ascii_uppercase()) {
                builder = builder.with_config(key, value);
            }
        }
        let profile = Profile::read(variables)?;
        // Credentials of the environment win as a whole: half of each would be of nobody.
        if variables("AWS_ACCESS_KEY_ID").is_none()
            && let (Some(id), Some(secret)) = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"))
        {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            if let Some(token) = profile.get("aws_session_token") {
                builder = builder.with_token(token);
            }
        }
        if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
            builder = builder.with_region(profile.get("region").unwrap_or(DEFAULT_REGION));
        }
        let google = || (location.service == ServiceKind::Google).then(|| GOOGLE_ENDPOINT.to_owned());
        let endpoint = options.endpoint.clone().or_else(google);
        let endpoint = endpoint.or_else(|| variables("AWS_ENDPOINT_URL_S3")).or_else(|| variables("AWS_ENDPOINT_URL"));
        let endpoint = endpoint.or_else(|| variables("AWS_ENDPOINT")).or_else(|| profile.endpoint().map(str::to_owned));
        if let Some(endpoint) = &endpoint {
            builder = builder.with_endpoint(checked(endpoint)?);
        }
        refuse_half_of_credentials(variables)?;
        let is_amazon = endpoint.as_ref().is_none_or(|endpoint| endpoint.contains("amazonaws.com"));
        // Only Amazon's machines may have a role that gives some.
        if !is_amazon && !has_credentials(&builder) {
            return Err(OpenError::new(NO_CREDENTIALS));
        }
        Ok(builder)
    }
}

impl Account {
    /// Returns the address of a bucket, without a slash at its end.
    pub(crate) fn address(&self, bucket: &str) -> String {
        match self {
            Self::S3(builder) => bucket_url(builder, bucket).0,
            Self::Azure(account) => format!("{}/{bucket}", account.endpoint),
        }
    }

    /// Returns what signs the requests.
    pub(crate) fn signer(&self, connector: &WatchedConnector, connection: &ClientOptions) -> Result<Signer, OpenError> {
        match self {
            Self::S3(builder) => {
                let (_, region, is_signed) = bucket_url(builder, "");
                let builder = builder.clone().with_http_connector(connector.clone());
                let store = builder.with_client_options(connection.clone()).build();
                let store = store.map_err(|error| OpenError::new(error.to_string()))?;
                let credentials = std::sync::Arc::clone(store.credentials());
                Ok(if is_signed { Signer::S3 { credentials, region } } else { Signer::NobodyS3 })
            }
            Self::Azure(account) => account.signer(connector, connection),
        }
    }
}

/// Has a connection trust the certificates that a variable names.
fn with_certificates(connection: ClientOptions, variables: Variables<'_>) -> Result<ClientOptions, OpenError> {
    let Some(path) = variables("AWS_CA_BUNDLE") else { return Ok(connection) };
    let cannot =
        |why: String| OpenError::new(format!("the certificates in {path} (AWS_CA_BUNDLE) cannot be used: {why}"));
    let bundle = std::fs::read_to_string(&path).map_err(|error| cannot(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(bundle.as_bytes()).map_err(|error| cannot(error.to_string()))?;
    Ok(certificates.into_iter().fold(connection, ClientOptions::with_root_certificate))
}

fn refuse_half_of_credentials(variables: Variables<'_>) -> Result<(), OpenError> {
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let (there, missing) = match (variables(id), variables(secret)) {
        (Some(_), None) => (id, secret),
        (None, Some(_)) => (secret, id),
        _ => return Ok(()),
    };
    Err(OpenError::new(format!(
        "{there} is set, and {missing} is not: set both, or neither to have those of a profile"
    )))
}

/// Reports whether there is anything to sign requests with, or they are not signed.
fn has_credentials(builder: &AmazonS3Builder) -> bool {
    [
        AmazonS3ConfigKey::AccessKeyId,
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        AmazonS3ConfigKey::ContainerCredentialsFullUri,
        AmazonS3ConfigKey::WebIdentityTokenFile,
        AmazonS3ConfigKey::SkipSignature,
    ]
    .iter()
    .any(|key| builder.get_config_value(key).is_some_and(|value| !value.is_empty() && value != "false"))
}

/// Returns the address of a bucket, the region, and whether requests are signed.
pub(crate) fn bucket_url(builder: &AmazonS3Builder, bucket: &str) -> (String, String, bool) {
    let value = |key: AmazonS3ConfigKey| builder.get_config_value(&key);
    let is = |key: AmazonS3ConfigKey| value(key).is_some_and(|value| value == "true" || value == "1");
    let region = value(AmazonS3ConfigKey::Region).unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let url = match (value(AmazonS3ConfigKey::Endpoint), is(AmazonS3ConfigKey::VirtualHostedStyleRequest)) {
        (Some(endpoint), true) => endpoint,
        (Some(endpoint), false) => format!("{endpoint}/{bucket}"),
        (None, true) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        (None, false) => format!("https://s3.{region}.amazonaws.com/{bucket}"),
    };
    (url, region, !is(AmazonS3ConfigKey::SkipSignature))
}

/// The keys of one profile in the files of credentials and of configuration. Those below a key have it before their name:
/// `s3.endpoint_url`.
struct Profile(HashMap<String, String>);

impl Profile {
    fn read(variables: Variables<'_>) -> Result<Self, OpenError> {
        let home = variables("HOME").map(PathBuf::from);
        let file = |variable: &str, name: &str| {
            variables(variable).map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".aws").join(name)))
        };
        let asked = variables("AWS_PROFILE").or_else(|| variables("AWS_DEFAULT_PROFILE"));
        let name = asked.clone().unwrap_or_else(|| "default".to_owned());
        let mut all = HashMap::new();
        let mut is_found = false;
        // The file of credentials comes last, and wins.
        for (path, heads) in [
            (file("AWS_CONFIG_FILE", "config"), [format!("profile {name}"), name.clone()]),
            (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), [name.clone(), name]),
        ] {
            let text = path.map(|path| read(&path)).transpose()?.flatten().unwrap_or_default();
            if let Some(values) = section(&text, &heads) {
                is_found = true;
                // Addresses of single services are in a section of their own, which profiles share.
                let services = values.get("services").map(|name| [format!("services {name}")]);
                let services = services.and_then(|heads| section(&text, &heads)).unwrap_or_default();
                all.extend(values);
                all.extend(services.into_iter().filter(|(key, _)| key == ENDPOINT_OF_S3));
            }
        }
        match asked {
            Some(asked) if !is_found => Err(OpenError::new(format!(
                "there is no profile '{asked}' in ~/.aws/credentials or ~/.aws/config: correct AWS_PROFILE"
            ))),
            _ => Ok(Self(all)),
        }
    }

    /// The address of the service: that for S3 alone before that for all services.
    fn endpoint(&self) -> Option<&str> {
        self.get(ENDPOINT_OF_S3).or_else(|| self.get("endpoint_url"))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads a file that need not exist.
fn read(path: &Path) -> Result<Option<String>, OpenError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(OpenError::new(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// Returns the values of a section, if it is there.
fn section(text: &str, heads: &[String]) -> Option<HashMap<String, String>> {
    let mut values: Option<HashMap<String, String>> = None;
    let (mut is_in, mut above) = (false, String::new());
    for line in text.lines() {
        // What belongs to a value above, as 's3 =' has it, is indented.
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let head = head.split_whitespace().collect::<Vec<_>>().join(" ");
            is_in = heads.contains(&head);
            if is_in {
                values.get_or_insert_default();
            }
        } else if is_in && let (Some((name, value)), Some(values)) = (line.split_once('='), values.as_mut()) {
            let name = name.trim().to_ascii_lowercase();
            let key = if is_nested { format!("{above}.{name}") } else { name.clone() };
            if !is_nested {
                above = name;
            }
            values.insert(key, value.trim().to_owned());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(pairs: &[(&str, &str)]) -> Result<AmazonS3Builder, OpenError> {
        read_at("s3://bucket/a", pairs)
    }

    fn read_at(place: &str, pairs: &[(&str, &str)]) -> Result<AmazonS3Builder, OpenError> {
        let variables = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let location = place.parse().unwrap();
        let settings = Settings::read(&location, &BucketOptions::default(), &variables)?;
        match settings.account {
            Account::S3(builder) => Ok(builder),
            Account::Azure(_) => panic!("another service"),
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests make files")]
    fn credentials_come_from_variables_and_then_from_the_profile() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let credentials = "[default]\naws_access_key_id = one\naws_secret_access_key=s1\n[other]\naws_access_key_id=two\n\
                           aws_secret_access_key=s2\naws_session_token=t2\n[shared]\n\
                           aws_access_key_id=four\naws_secret_access_key=s4\n";
        std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        let config = "[default]\nregion = eu-1\n[profile other]\nregion=eu-2\nendpoint_url = https://o.example\ns3 =\n  region=no\n\
                      [profile shared]\nregion=eu-3\nendpoint_url = https://all.example\nservices = lab\n\
                      [services lab]\nsqs =\n  endpoint_url = http://sqs.example\ns3 =\n  endpoint_url = http://s3.example\n";
        std::fs::write(home.path().join(".aws/config"), config).unwrap();
        let home = home.path().to_str().unwrap();
        let all = |pairs: &[(&str, &str)]| {
            let builder = read_with(&[&[("HOME", home)], pairs].concat()).unwrap();
            use AmazonS3ConfigKey as Key;
            [Key::AccessKeyId, Key::SecretAccessKey, Key::Token, Key::Region, Key::Endpoint]
                .map(|key| builder.get_config_value(&key).unwrap_or_default())
        };
        assert_eq!(all(&[]), ["one", "s1", "", "eu-1", ""]);
        assert_eq!(all(&[("AWS_PROFILE", "other")]), ["two", "s2", "t2", "eu-2", "https://o.example"]);
        let variables = [("AWS_ACCESS_KEY_ID", "three"), ("AWS_SECRET_ACCESS_KEY", "s3"), ("AWS_REGION", "garage")];
        let variables = [&variables[..], &[("AWS_ENDPOINT_URL", "http://localhost:3900/")]].concat();
        assert_eq!(all(&variables), ["three", "s3", "", "garage", "http://localhost:3900"]);
        let shared = ("AWS_PROFILE", "shared");
        assert_eq!(all(&[shared]), ["four", "s4", "", "eu-3", "http://s3.example"]);
        assert_eq!(all(&[shared, ("AWS_ENDPOINT_URL", "http://other.example")])[4], "http://other.example");
        let missing = read_with(&[("HOME", home), ("AWS_PROFILE", "none")]).unwrap_err().to_string();
        assert!(missing.contains("AWS_PROFILE"), "{missing}");
    }

    #[test]
    fn addresses_are_those_of_the_bucket() {
        let url = |pairs: &[(&str, &str)]| bucket_url(&read_with(pairs).unwrap(), "bucket");
        assert_eq!(url(&[]).0, "https://s3.us-east-1.amazonaws.com/bucket");
        let credentials = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let here = [&credentials[..], &[("AWS_ENDPOINT_URL", "http://[::1]:9")]].concat();
        assert_eq!(url(&here).0, "http://[::1]:9/bucket");
        assert!(!url(&[("AWS_SKIP_SIGNATURE", "true")]).2);
        let missing = read_with(&[("AWS_CA_BUNDLE", "/none")]).unwrap_err().to_string();
        assert!(missing.contains("AWS_CA_BUNDLE"), "{missing}");
        let google = read_at("gs://bucket/a", &credentials).unwrap();
        assert_eq!(bucket_url(&google, "bucket").0, "https://storage.googleapis.com/bucket");
        let wrong = read_with(&[("AWS_ENDPOINT_URL", "localhost:9")]).unwrap_err().to_string();
        assert!(wrong.contains("--endpoint"), "{wrong}");
    }

    #[test]
    fn credentials_that_are_missing_or_half_there_are_told() {
        let here = ("AWS_ENDPOINT_URL", "http://localhost:9");
        let told = |pairs: &[(&str, &str)]| read_with(pairs).err().map(|error| error.to_string()).unwrap_or_default();
        let missing = told(&[here]);
        assert!(missing.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{missing}");
        let half = told(&[here, ("AWS_ACCESS_KEY_ID", "id")]);
        assert!(half.contains("AWS_SECRET_ACCESS_KEY is not"), "{half}");
        let other_half = told(&[("AWS_SECRET_ACCESS_KEY", "secret")]);
        assert!(other_half.contains("AWS_ACCESS_KEY_ID is not"), "{other_half}");
        // A machine of Amazon's may have a role, and some buckets take requests of anybody.
        for pairs in [
            &[][..],
            &[("AWS_ENDPOINT_URL", "https://vpce-1.s3.eu-1.vpce.amazonaws.com")],
            &[here, ("AWS_SKIP_SIGNATURE", "true")],
        ] {
            assert_eq!(told(pairs), "");
        }
    }
}
