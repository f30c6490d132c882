#include "domain.h"

#include "ascii.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

/* A name with U-labels may be longer before conversion than after it: a full-width letter takes three octets, and a
 * soft hyphen disappears. */
#define WRITTEN_MAX 1024

/* The grammar of domain_is_grammatical(), and with `underscores` that of domain_is_host(). */
static bool domain_is_of(const char *bytes, size_t len, bool underscores)
{
	size_t label_len = 0;
	if (!len || len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (ascii_is_alnum(bytes[i]) || (underscores && bytes[i] == '_')) {
			label_len++;
		} else if (bytes[i] == '-' && label_len > 0) {
			if (i + 1 == len || bytes[i + 1] == '.')
				return false;
			label_len++;
		} else if (bytes[i] == '.' && label_len > 0 && label_len <= DOMAIN_LABEL_MAX) {
			label_len = 0;
		} else {
			return false;
		}
	}
	return label_len > 0 && label_len <= DOMAIN_LABEL_MAX;
}

bool domain_is_grammatical(const char *bytes, size_t len)
{
	return domain_is_of(bytes, len, false);
}

bool domain_is_host(const char *bytes, size_t len)
{
	return domain_is_of(bytes, len, true);
}

bool domain_is_numeric(const char *bytes, size_t len)
{
	size_t i = len;
	while (i && ascii_is_digit(bytes[i - 1]))
		i--;
	return i < len && (!i || bytes[i - 1] == '.');
}

bool domain_is_parsed(const char *bytes, size_t len)
{
	if (!domain_is_host(bytes, len) || domain_is_numeric(bytes, len))
		return false;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != ascii_lower(bytes[i]))
			return false;
	return true;
}

static bool domain_take_ascii(struct domain *out, const char *bytes, size_t len)
{
	if (len && bytes[len - 1] == '.')
		len--;
	if (!domain_is_host(bytes, len) || domain_is_numeric(bytes, len))
		return false;
	for (size_t i = 0; i < len; i++)
		out->name[i] = ascii_lower(bytes[i]);
	out->name[len] = '\0';
	return true;
}

/* Returns whether the name has a deviation character (U+00DF, U+03C2, U+200C or U+200D). Transitional and
 * non-transitional processing differ only in these characters (UTS 46 6). */
static bool has_deviation(const uint8_t *written)
{
	static const char *const deviations[] = {"\xc3\x9f", "\xcf\x82", "\xe2\x80\x8c", "\xe2\x80\x8d"};
	for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
		if (strstr((const char *)written, deviations[i]))
			return true;
	return false;
}

/* Converts a name with U-labels.
 *
 * MTAs convert names with ICU, which follows UTS 46 and so accepts more names than IDNA2008 does: emoji, and labels
 * that violate IDNA2008's rules for joiners and right-to-left text. libidn2 does not check these rules in transitional
 * processing, so a name that fails is converted again in that way. The result is the same, unless the name has
 * deviation characters (design 4.9).
 *
 * IDN2_USE_STD3_ASCII_RULES must not be set: libidn2 2.3 then removes the characters that it does not allow, and the
 * result may be somebody else's name. Without the flag every ASCII octet stays as it is, and the grammar check
 * decides. */
static bool domain_take_idn(struct domain *out, const char *bytes, size_t len)
{
	uint8_t written[WRITTEN_MAX + 1];
	uint8_t *converted = NULL;
	memcpy(written, bytes, len);
	written[len] = '\0';
	int rc = idn2_lookup_u8(written, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK && rc != IDN2_MALLOC && !has_deviation(written))
		rc = idn2_lookup_u8(written, &converted, IDN2_NFC_INPUT | IDN2_TRANSITIONAL);
	if (rc == IDN2_MALLOC)
		abort();
	bool ok = rc == IDN2_OK && domain_take_ascii(out, (const char *)converted, strlen((const char *)converted));
	idn2_free(converted);
	return ok;
}

bool domain_parse(struct domain *out, const char *bytes, size_t len)
{
	bool ascii = true;
	out->name[0] = '\0';
	if (!len || len > WRITTEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!bytes[i])
			return false;
		if ((unsigned char)bytes[i] > 0x7f)
			ascii = false;
	}
	return ascii ? domain_take_ascii(out, bytes, len) : domain_take_idn(out, bytes, len);
}

uint32_t domain_hash(const char *name, uint32_t salt)
{
	uint32_t hash = 2166136261u ^ salt;
	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

/* Below a country's top-level domain, a second label this short (`co`, `com`, `ac`) is mostly a registry's: domains
 * are registered one label further down. */
#define SECOND_LABEL_SHORT 3

/* Returns the start of the label before `at`, which is the start of a label or the end of the name. */
static const char *label_before(const char *name, const char *at)
{
	if (at > name)
		at--;
	while (at > name && at[-1] != '.')
		at--;
	return at;
}

const char *domain_registered(const char *name)
{
	const char *end = name + strlen(name);
	const char *top = label_before(name, end), *second = label_before(name, top);
	bool country = end - top == 2 && top - second <= SECOND_LABEL_SHORT + 1;
	return country ? label_before(name, second) : second;
}
