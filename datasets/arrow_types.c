/* The table of Arrow's format strings. */
#include "datasets/arrow_types.h"

#include <string.h>

typedef struct readable {
    const char *format;
    gbt_arrow_type type;
} readable;

static const readable readable_types[] = {
    {"n", {GBT_CELLS_NULL, GBT_TEXT_STARTS32}}, {"b", {GBT_CELL_BIT, GBT_TEXT_STARTS32}},
    {"c", {GBT_CELL_I8, GBT_TEXT_STARTS32}},    {"C", {GBT_CELL_U8, GBT_TEXT_STARTS32}},
    {"s", {GBT_CELL_I16, GBT_TEXT_STARTS32}},   {"S", {GBT_CELL_U16, GBT_TEXT_STARTS32}},
    {"i", {GBT_CELL_I32, GBT_TEXT_STARTS32}},   {"I", {GBT_CELL_U32, GBT_TEXT_STARTS32}},
    {"l", {GBT_CELL_I64, GBT_TEXT_STARTS32}},   {"L", {GBT_CELL_U64, GBT_TEXT_STARTS32}},
    {"e", {GBT_CELL_F16, GBT_TEXT_STARTS32}},   {"f", {GBT_CELL_F32, GBT_TEXT_STARTS32}},
    {"g", {GBT_CELL_F64, GBT_TEXT_STARTS32}},   {"u", {GBT_CELL_TEXT, GBT_TEXT_STARTS32}},
    {"U", {GBT_CELL_TEXT, GBT_TEXT_STARTS64}},  {"vu", {GBT_CELL_TEXT, GBT_TEXT_VIEWS}},
};

enum { N_READABLE = sizeof readable_types / sizeof readable_types[0] };

typedef struct refused {
    const char *prefix, *name, *advice;
} refused;

static const char make_number[] = "make numbers of it (days, seconds) or categories";
static const char make_columns[] = "make a column of numbers or texts of each part";

/* The first prefix that fits counts. */
static const refused refused_types[] = {
    {"td", "a date", make_number},
    {"tt", "a time of day", make_number},
    {"ts", "a timestamp", make_number},
    {"tD", "a duration", make_number},
    {"ti", "an interval", make_number},
    {"d:", "a decimal", "cast it to a floating-point type"},
    {"z", "binary", "cast it to text"},
    {"Z", "binary", "cast it to text"},
    {"vz", "binary", "cast it to text"},
    {"w:", "binary", "cast it to text"},
    {"+s", "a struct", make_columns},
    {"+l", "a list", make_columns},
    {"+L", "a list", make_columns},
    {"+vl", "a list", make_columns},
    {"+vL", "a list", make_columns},
    {"+w:", "a list", make_columns},
    {"+m", "a map", make_columns},
    {"+u", "a union", make_columns},
    {"+r", "run-end encoded", "decode it first"},
    {"", "of an unknown type", "cast it to a number or to text"},
};

bool gbt_arrow_type_find(const char *format, gbt_arrow_type *out)
{
    for (int i = 0; i < N_READABLE; i++) {
        if (strcmp(format, readable_types[i].format) == 0) {
            *out = readable_types[i].type;
            return true;
        }
    }
    return false;
}

void gbt_arrow_type_explain(const char *format, const char **name, const char **advice)
{
    const refused *row = refused_types;
    while (strncmp(format, row->prefix, strlen(row->prefix)) != 0) {
        row++;
    }
    *name = row->name;
    *advice = row->advice;
}
