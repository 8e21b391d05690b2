#include "app/gui/text/font_stack.h"

#include <fontconfig/fontconfig.h>
#include <hb-ot.h>
#include <hb.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "app/gui/text/rasterizer.h"
#include "app/gui/text/unicode.h"

namespace fabula::text {

namespace {

struct PatternDelete {
  void operator()(FcPattern* p) const { FcPatternDestroy(p); }
};
using Pattern = std::unique_ptr<FcPattern, PatternDelete>;

struct Face {
  std::string file;
  std::string name;
  int index = 0;
  GlyphLook look;
  FcCharSet* coverage = nullptr;
  bool opened = false;
  hb_font_t* font = nullptr;
  std::unique_ptr<Rasterizer> rasterizer;
};

int fontconfig_weight(FontWeight weight) {
  switch (weight) {
    case FontWeight::medium: return FC_WEIGHT_MEDIUM;
    case FontWeight::semibold: return FC_WEIGHT_DEMIBOLD;
    case FontWeight::bold: return FC_WEIGHT_BOLD;
    default: return FC_WEIGHT_REGULAR;
  }
}

const FcChar8* fc(const char* text) {
  return reinterpret_cast<const FcChar8*>(text);
}

// Characters that choose no font: joiners, selectors, marks of direction.
bool is_ignorable(char32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || (c >= 0xFE00 && c <= 0xFE0F) ||
         c == 0xFEFF || (c >= 0xE0000 && c <= 0xE0FFF);
}

// Fonts draw .notdef as they please (Inter: heavy stripes); ours is a thin box as high as a capital.
GlyphBitmap missing_glyph(float advance_em, float size_px) {
  GlyphBitmap box;
  box.width = std::max(3, static_cast<int>(advance_em * 0.8f * size_px));
  box.height = std::max(4, static_cast<int>(0.72f * size_px));
  box.left = std::max(1, static_cast<int>(advance_em * 0.1f * size_px));
  box.top = box.height;
  const int stroke = std::max(1, static_cast<int>(size_px / 16));
  for (int y = 0; y < box.height; ++y)
    for (int x = 0; x < box.width; ++x) {
      const bool edge = x < stroke || y < stroke || x >= box.width - stroke || y >= box.height - stroke;
      box.pixels += static_cast<char>(edge ? 150 : 0);
    }
  return box;
}

bool wants_emoji(std::span<const char32_t> cluster) {
  const char32_t first = cluster.front();
  if (cluster.size() > 1 && cluster[1] == 0xFE0E) return false;
  for (const char32_t c : cluster.subspan(1))
    if (c == 0xFE0F || c == 0x20E3) return true;
  return has_emoji_presentation(first);
}

}  // namespace

struct FontStack::State {
  FontOptions options;
  FcConfig* config = nullptr;
  FontLibrary library;
  std::vector<Face> faces;
  std::map<std::tuple<std::string, int, bool, bool>, FaceId> known;  // file, index, embolden, oblique
  std::unordered_map<unsigned, FaceId> primary;                      // style key
  std::unordered_map<unsigned, std::vector<FaceId>> fallbacks;       // style key
  std::unordered_map<uint64_t, FaceId> chosen;                       // style key, character
  std::unordered_map<unsigned, FaceMetrics> metrics;
  static constexpr int no_face = -1;
  std::array<std::array<int, 128>, 64>
      ascii;  // the same for the commonest characters, by style key; no_face: not asked yet
  FaceId emoji = 0;
  bool emoji_known = false;

  State() {
    for (auto& faces_of_style : ascii) faces_of_style.fill(no_face);
  }
  ~State() {
    for (Face& face : faces) {
      if (face.font) hb_font_destroy(face.font);
      if (face.coverage) FcCharSetDestroy(face.coverage);
    }
    if (config) FcConfigDestroy(config);
  }

  static unsigned key(const FontStyle& style) {
    return static_cast<unsigned>(style.family) << 4 | static_cast<unsigned>(style.weight) << 1 |
           (style.italic ? 1u : 0u);
  }

  Pattern pattern(const FontStyle& style) const {
    Pattern pattern(FcPatternCreate());
    const std::string& family = style.family == FontFamily::mono    ? options.mono_family
                                : style.family == FontFamily::serif ? options.serif_family
                                                                    : options.ui_family;
    FcPatternAddString(pattern.get(), FC_FAMILY, fc(family.c_str()));
    FcPatternAddString(pattern.get(), FC_FAMILY,
                       fc(style.family == FontFamily::mono    ? "monospace"
                          : style.family == FontFamily::serif ? "serif"
                                                              : "sans-serif"));
    FcPatternAddInteger(pattern.get(), FC_WEIGHT, fontconfig_weight(style.weight));
    FcPatternAddInteger(pattern.get(), FC_SLANT, style.italic ? FC_SLANT_ITALIC : FC_SLANT_ROMAN);
    FcPatternAddBool(pattern.get(), FC_SCALABLE, FcTrue);
    FcPatternAddBool(pattern.get(), FC_COLOR, FcFalse);
    FcPatternAddBool(pattern.get(), FC_VARIABLE, FcFalse);
    FcPatternAddString(pattern.get(), FC_LANG, fc(options.language.c_str()));
    FcConfigSubstitute(config, pattern.get(), FcMatchPattern);
    FcDefaultSubstitute(pattern.get());
    return pattern;
  }

  // The face that a font pattern names; embolden and oblique where it lacks what the style asks for. -1: not
  // usable.
  int add(FcPattern* font, const FontStyle& style) {
    FcChar8* file = nullptr;
    int index = 0, weight = FC_WEIGHT_REGULAR, slant = FC_SLANT_ROMAN;
    FcCharSet* coverage = nullptr;
    if (FcPatternGetString(font, FC_FILE, 0, &file) != FcResultMatch) return -1;
    if (FcPatternGetCharSet(font, FC_CHARSET, 0, &coverage) != FcResultMatch) return -1;
    FcPatternGetInteger(font, FC_INDEX, 0, &index);
    FcPatternGetInteger(font, FC_WEIGHT, 0, &weight);
    FcPatternGetInteger(font, FC_SLANT, 0, &slant);
    FcBool colour = FcFalse;
    FcPatternGetBool(font, FC_COLOR, 0, &colour);
    GlyphLook look;
    look.embolden = !colour && style.weight >= FontWeight::semibold && weight < FC_WEIGHT_DEMIBOLD;
    look.oblique = !colour && style.italic && slant == FC_SLANT_ROMAN;
    look.colour = colour == FcTrue;
    const std::string path(reinterpret_cast<const char*>(file));
    const auto [at, added] =
        known.try_emplace({path, index, look.embolden, look.oblique}, static_cast<FaceId>(faces.size()));
    if (!added) return at->second;
    if (faces.size() >= 0xFFFF) return -1;
    FcChar8* name = nullptr;
    Face face{path, {}, index, look, FcCharSetCopy(coverage)};
    if (FcPatternGetString(font, FC_FULLNAME, 0, &name) == FcResultMatch)
      face.name = reinterpret_cast<const char*>(name);
    faces.push_back(std::move(face));
    return at->second;
  }

  FaceId primary_face(const FontStyle& style) {
    const auto [at, added] = primary.try_emplace(key(style), FaceId{0});
    if (!added) return at->second;
    FcResult result;
    const Pattern wanted = pattern(style);
    const Pattern match(FcFontMatch(config, wanted.get(), &result));
    const int face = match ? add(match.get(), style) : -1;
    return primary[key(style)] = static_cast<FaceId>(std::max(face, 0));
  }

  const std::vector<FaceId>& fallback_faces(const FontStyle& style) {
    const auto [at, added] = fallbacks.try_emplace(key(style));
    if (!added) return at->second;
    std::vector<FaceId> list;
    FcResult result;
    const Pattern wanted = pattern(style);
    FcFontSet* fonts = FcFontSort(config, wanted.get(), FcTrue, nullptr, &result);
    for (int i = 0; fonts && i < fonts->nfont; ++i)
      if (const int face = add(fonts->fonts[i], style); face >= 0) list.push_back(static_cast<FaceId>(face));
    if (fonts) FcFontSetDestroy(fonts);
    // Colour glyphs only where no font for text has the character.
    std::stable_partition(list.begin(), list.end(), [&](FaceId face) { return !faces[face].look.colour; });
    return fallbacks[key(style)] = std::move(list);
  }

  // -1: no font with colour emoji on this machine.
  int emoji_face() {
    if (emoji_known) return faces[emoji].look.colour ? emoji : -1;
    emoji_known = true;
    const Pattern wanted(FcPatternCreate());
    FcPatternAddString(wanted.get(), FC_FAMILY, fc("emoji"));
    FcPatternAddBool(wanted.get(), FC_COLOR, FcTrue);
    FcConfigSubstitute(config, wanted.get(), FcMatchPattern);
    FcDefaultSubstitute(wanted.get());
    FcResult result;
    const Pattern match(FcFontMatch(config, wanted.get(), &result));
    const int face = match ? add(match.get(), {}) : -1;
    if (face >= 0) emoji = static_cast<FaceId>(face);
    return faces[emoji].look.colour ? emoji : -1;
  }

  bool covers(FaceId face, std::span<const char32_t> cluster, bool base_only) const {
    for (const char32_t c : cluster) {
      if (!is_ignorable(c) && !FcCharSetHasChar(faces[face].coverage, c)) return false;
      if (base_only) return true;
    }
    return true;
  }

  FaceId find(const FontStyle& style, std::span<const char32_t> cluster) {
    if (wants_emoji(cluster))
      if (const int face = emoji_face(); face >= 0 && covers(static_cast<FaceId>(face), cluster, true))
        return static_cast<FaceId>(face);
    const FaceId own = primary_face(style);
    for (const bool base_only : {false, true}) {
      if (covers(own, cluster, base_only)) return own;
      for (const FaceId face : fallback_faces(style))
        if (covers(face, cluster, base_only)) return face;
      if (cluster.size() == 1) break;
    }
    return own;
  }

  Face& open(FaceId id) {
    Face& face = faces[id];
    if (face.opened) return face;
    face.opened = true;
    hb_blob_t* blob = hb_blob_create_from_file(face.file.c_str());  // the empty blob where it cannot be read
    hb_face_t* shapes = hb_face_create(blob, static_cast<unsigned>(face.index & 0xFFFF));
    face.font = hb_font_create(shapes);
    const int scale = static_cast<int>(hb_face_get_upem(shapes));
    hb_font_set_scale(face.font, scale, scale);
    hb_face_destroy(shapes);
    hb_blob_destroy(blob);
    face.rasterizer = library.open(face.file, face.index, face.look);
    return face;
  }
};

FontStack::FontStack(std::unique_ptr<State> state) : state_(std::move(state)) {}
FontStack::~FontStack() = default;

Result<std::unique_ptr<FontStack>> FontStack::create(const FontOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->config = FcInitLoadConfigAndFonts();
  if (!state->config) return Error{ErrorCode::not_found, "fontconfig found no configuration and no font"};
  state->primary_face({});
  if (state->faces.empty())
    return Error{ErrorCode::not_found,
                 "no font was found on this machine (package fonts-dejavu-core has one)"};
  return std::unique_ptr<FontStack>(new FontStack(std::move(state)));
}

FaceId FontStack::face_for(const FontStyle& style, std::span<const char32_t> cluster) {
  if (cluster.empty()) return state_->primary_face(style);
  if (cluster.size() > 1) return state_->find(style, cluster);
  if (cluster.front() < 128) {
    int& face = state_->ascii[State::key(style)][cluster.front()];
    if (face == State::no_face) face = state_->find(style, cluster);
    return static_cast<FaceId>(face);
  }
  const uint64_t key = static_cast<uint64_t>(State::key(style)) << 32 | cluster.front();
  if (const auto at = state_->chosen.find(key); at != state_->chosen.end()) return at->second;
  return state_->chosen[key] = state_->find(style, cluster);
}

hb_font_t* FontStack::shaping_font(FaceId face) {
  return state_->open(face).font;
}

float FontStack::units_per_em(FaceId face) {
  return static_cast<float>(std::max(1u, hb_face_get_upem(hb_font_get_face(state_->open(face).font))));
}

const FaceMetrics& FontStack::metrics(const FontStyle& style) {
  const auto [at, added] = state_->metrics.try_emplace(State::key(style));
  FaceMetrics& m = at->second;
  if (!added) return m;
  const FaceId face = state_->primary_face(style);
  hb_font_t* font = shaping_font(face);
  const float em = units_per_em(face);
  hb_font_extents_t extents;
  if (hb_font_get_h_extents(font, &extents) && extents.ascender > 0) {
    m.ascent = static_cast<float>(extents.ascender) / em;
    m.descent = static_cast<float>(-extents.descender) / em;
  }
  const auto metric = [&](hb_ot_metrics_tag_t tag, float& value, float sign) {
    hb_position_t position = 0;
    if (hb_ot_metrics_get_position(font, tag, &position) && position != 0)
      value = sign * static_cast<float>(position) / em;
  };
  metric(HB_OT_METRICS_TAG_X_HEIGHT, m.x_height, 1);
  metric(HB_OT_METRICS_TAG_UNDERLINE_OFFSET, m.underline_offset, -1);
  metric(HB_OT_METRICS_TAG_UNDERLINE_SIZE, m.underline_thickness, 1);
  return m;
}

GlyphBitmap FontStack::rasterize(FaceId face, uint32_t glyph, float size_px, int phase) {
  if (glyph == 0)
    return missing_glyph(
        static_cast<float>(hb_font_get_glyph_h_advance(shaping_font(face), 0)) / units_per_em(face), size_px);
  Rasterizer* rasterizer = state_->open(face).rasterizer.get();
  return rasterizer ? rasterizer->draw(glyph, size_px, phase) : GlyphBitmap{};
}

void FontStack::set_language(const std::string& language) {
  if (language == state_->options.language) return;
  state_->options.language = language;
  state_->primary.clear();
  state_->fallbacks.clear();
  state_->chosen.clear();
  state_->metrics.clear();
  for (auto& faces_of_style : state_->ascii) faces_of_style.fill(State::no_face);
}

bool FontStack::is_colour(FaceId face) const {
  return state_->faces[face].look.colour;
}
const std::string& FontStack::language() const {
  return state_->options.language;
}
std::string FontStack::face_name(FaceId face) const {
  return state_->faces[face].name;
}

size_t FontStack::opened_faces() const {
  return static_cast<size_t>(
      std::count_if(state_->faces.begin(), state_->faces.end(), [](const Face& f) { return f.opened; }));
}

}  // namespace fabula::text
