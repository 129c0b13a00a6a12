/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAMMAR_H
#define OCS_STORE_GRAMMAR_H

/* The grammars of short texts in documents, over the whole string. */

#include <stdbool.h>

/* type "/" subtype, each a restricted-name of 1 to 127 characters (RFC 6838, 4.2). */
bool ocs_grammar_media_type(const char *text);

/* A URI with a scheme, of the characters that RFC 3986 allows. */
bool ocs_grammar_uri(const char *text);

/* org.opencontainers.image.ref.name (image-spec, annotations.md):
 * component ("/" component)*, a component being alphanum (separator alphanum)*
 * with one of -._:@+ or "--" as separator. */
bool ocs_grammar_ref_name(const char *text);

/* "2006-01-02T15:04:05", a fraction or none, "Z" or an offset like "+02:00" (RFC 3339). */
bool ocs_grammar_date_time(const char *text);

/* NAME=value with a name (image-spec, config.md, `Env`). */
bool ocs_grammar_environment(const char *text);

#endif
