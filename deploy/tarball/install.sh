#!/bin/sh
# Installs Remofile below a directory, /usr/local if none is given, or removes it from there again:
#
#     ./install.sh [--uninstall] [PREFIX]
#
# Configuration, tokens and served directories are not touched.
set -eu
umask 022   # The server's user is to read what root installs.

uninstall=
[ "${1-}" = --uninstall ] && { uninstall=yes; shift; }
prefix=${1:-/usr/local}
case $prefix in /*) ;; -*) sed -n 4p "$0" >&2; exit 2 ;; *) prefix=$PWD/$prefix ;; esac
CDPATH='' cd "$(dirname "$0")/files"

# What is in the way of an upgrade is replaced by renaming, so that servers and clients which run go on.
find . ! -type d | sort | while read -r file; do
    target=$prefix/${file#./}
    if [ "$uninstall" ]; then rm -f "$target"; continue; fi
    mkdir -p "$(dirname "$target")"
    cp -P "$file" "$target.new"
    case $file in *.service) sed -i "s|/usr/bin/|$prefix/bin/|" "$target.new" ;; esac
    mv -f "$target.new" "$target"
done

if [ "$uninstall" ]; then echo "Remofile is removed from $prefix."; exit; fi
echo "Remofile is in $prefix: $("$prefix/bin/remofile" --version)."
case :$PATH: in *":$prefix/bin:"*) ;; *) echo "Add $prefix/bin to PATH to call it by its name." ;; esac
