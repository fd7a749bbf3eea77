//! From flags, environment and profile to settings, in that order of precedence.

mod chosen_profile;
mod client;
mod client_token;
mod config;
mod environment;
mod keyring;
mod new_profile;
mod own_files;
mod receive;
mod reload;
mod server;
mod server_config;
mod server_tokens;
mod sync;
mod token_command;
mod tokens;
mod transfer;

pub(crate) use crate::args::Direction;
pub(crate) use chosen_profile::{is_profile, is_profile_in, profile_names};
pub(crate) use client::{client_options, options_of_new_server};
pub(crate) use client_token::{token_of_environment, whence_token};
pub(crate) use config::{ConfigFile, is_profile_name};
pub(crate) use environment::Environment;
pub(crate) use keyring::keep_token;
pub(crate) use new_profile::{NewProfile, NewToken, foretell_profile, save_profile};
pub(crate) use receive::receive_settings;
pub(crate) use reload::{Reload, Reloaded};
pub(crate) use server::{BucketRoot, HookSettings, ServerSettings, is_address, server_settings};
pub(crate) use server_config::complete;
pub(crate) use server_tokens::{ServerTokens, TokenSource};
pub(crate) use sync::sync_settings;
pub(crate) use token_command::token_of_command;
pub(crate) use tokens::{TokensPlace, token_names, tokens_place};
pub(crate) use transfer::{earlier, transfer_settings};
