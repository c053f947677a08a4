#!/usr/bin/env bash
# Installs emostream for the steps that follow: the release VERSION (v1.2.3, or latest), checked against the checksums of the
# release and, where there is cosign, their signature; or, for source, what is built from the commit of this action.
set -euo pipefail

releases=https://github.com/emostream/emostream/releases
bin=$RUNNER_TEMP/emostream-$VERSION

fail() {
	printf '::error title=emostream is not installed::%s\n' "$1" >&2
	exit 1
}

# fetch URL FILE
fetch() {
	curl --fail --silent --show-error --location --proto '=https' --retry 3 --output "$2" "$1" || fail "$1 cannot be fetched"
}

[[ $VERSION == source || $VERSION == latest || $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] ||
	fail "version: want v1.2.3, latest or source"
printf '%s\n' "$bin" >>"$GITHUB_PATH"
if [[ -e $bin/emostream || -e $bin/emostream.exe ]]; then
	exit # an earlier step has installed it
fi
mkdir -p "$bin"
if [[ $VERSION == source ]]; then
	cd "$GITHUB_ACTION_PATH/../../.."
	CGO_ENABLED=0 go build -trimpath -o "$bin/" ./cmd/emostream
	exit
fi

if [[ $VERSION == latest ]]; then
	VERSION=$(curl --fail --silent --show-error --location --proto '=https' --retry 3 --output /dev/null --write-out '%{url_effective}' "$releases/latest") ||
		fail "$releases/latest cannot be fetched"
	VERSION=${VERSION##*/}
	[[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "there is no release at $releases"
fi
case $(uname -s) in
Linux) os=linux end=tar.gz ;;
Darwin) os=darwin end=tar.gz ;;
*) os=windows end=zip ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
*) arch=arm64 ;;
esac
archive=emostream_${VERSION#v}_${os}_$arch.$end

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fetch "$releases/download/$VERSION/$archive" "$archive"
fetch "$releases/download/$VERSION/checksums.txt" checksums.txt
if command -v cosign >/dev/null; then
	fetch "$releases/download/$VERSION/checksums.txt.sigstore.json" checksums.txt.sigstore.json
	cosign verify-blob checksums.txt --bundle checksums.txt.sigstore.json \
		--certificate-identity-regexp '^https://github.com/emostream/emostream/.github/workflows/release.yml@refs/tags/v' \
		--certificate-oidc-issuer https://token.actions.githubusercontent.com || fail "the signature of $VERSION is wrong"
fi
sum=(sha256sum)
command -v sha256sum >/dev/null || sum=(shasum -a 256) # macOS
grep -F "  $archive" checksums.txt >checksum.txt || fail "checksums.txt of $VERSION does not name $archive"
"${sum[@]}" -c checksum.txt >/dev/null || fail "$archive is not what checksums.txt of $VERSION says"
if [[ $end == zip ]]; then
	unzip -q "$archive" -d "$bin"
else
	tar -xzf "$archive" -C "$bin"
fi
