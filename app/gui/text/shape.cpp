#include "app/gui/text/shape.h"

#include <fribidi.h>
#include <hb.h>
#include <linebreak.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "app/gui/text/unicode.h"
#include "core/base/utf8.h"

namespace fabula::text {

namespace {

// The paragraph as code points, with what each step finds out about them. All vectors have one element per
// code point.
struct Analysis {
  std::vector<char32_t> points;
  std::vector<uint32_t> bytes;  // where each begins
  std::vector<char> grapheme;   // 1 where a grapheme cluster begins
  std::vector<FriBidiLevel> levels;
  std::vector<hb_script_t> scripts;
  std::vector<FaceId> faces;
  std::vector<uint32_t> styles;  // into `style_list`
  std::vector<FontStyle> style_list;
  std::vector<char> breaks;  // libunibreak's answer
  bool right_to_left = false;

  size_t size() const { return points.size(); }
};

void decode(std::string_view text, Analysis& a) {
  a.points.reserve(text.size());
  a.bytes.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    a.bytes.push_back(static_cast<uint32_t>(at));
    a.points.push_back(decode_utf8(text, at));
  }
}

void mark_graphemes(Analysis& a) {
  a.grapheme.assign(a.size(), 1);
  utf8proc_int32_t state = 0;
  for (size_t i = 1; i < a.size(); ++i) {
    if (a.points[i] < 0x300 && a.points[i - 1] < 0x300 && a.points[i - 1] != '\r' && a.points[i] != 0xAD) {
      state = 0;
      continue;
    }
    a.grapheme[i] = utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(a.points[i - 1]),
                                                     static_cast<utf8proc_int32_t>(a.points[i]), &state)
                        ? 1
                        : 0;
  }
}

bool may_be_right_to_left(char32_t c) {
  return (c >= 0x590 && c <= 0x8FF) || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || (c >= 0xFB1D && c <= 0xFDFF) || (c >= 0xFE70 && c <= 0xFEFC) ||
         (c >= 0x10800 && c <= 0x10FFF) || (c >= 0x1E800 && c <= 0x1EFFF);
}

void find_levels(Analysis& a) {
  a.levels.assign(a.size(), 0);
  if (std::none_of(a.points.begin(), a.points.end(), may_be_right_to_left)) return;
  const auto length = static_cast<FriBidiStrIndex>(a.size());
  std::vector<FriBidiChar> points(a.points.begin(), a.points.end());
  std::vector<FriBidiCharType> types(a.size());
  std::vector<FriBidiBracketType> brackets(a.size());
  fribidi_get_bidi_types(points.data(), length, types.data());
  fribidi_get_bracket_types(points.data(), length, types.data(), brackets.data());
  FriBidiParType direction = FRIBIDI_PAR_ON;
  if (fribidi_get_par_embedding_levels_ex(types.data(), brackets.data(), length, &direction,
                                          a.levels.data()) == 0) {
    a.levels.assign(a.size(), 0);
    return;
  }
  a.right_to_left = FRIBIDI_IS_RTL(direction);
}

hb_script_t script_of(hb_unicode_funcs_t* unicode, char32_t c) {
  if (c >= 0x80) return hb_unicode_script(unicode, c);
  const char32_t lower = c | 0x20;
  return lower >= 'a' && lower <= 'z' ? HB_SCRIPT_LATIN : HB_SCRIPT_COMMON;
}

// UAX #24: common and inherited characters go with what stands before them, at the beginning with what
// follows.
void find_scripts(Analysis& a) {
  hb_unicode_funcs_t* unicode = hb_unicode_funcs_get_default();
  a.scripts.resize(a.size());
  hb_script_t current = HB_SCRIPT_COMMON;
  for (size_t i = 0; i < a.size(); ++i) {
    const hb_script_t own = script_of(unicode, a.points[i]);
    if (own != HB_SCRIPT_COMMON && own != HB_SCRIPT_INHERITED && own != HB_SCRIPT_UNKNOWN) {
      if (current == HB_SCRIPT_COMMON)
        std::fill(a.scripts.begin(), a.scripts.begin() + static_cast<ptrdiff_t>(i), own);
      current = own;
    }
    a.scripts[i] = current;
  }
}

void find_styles(Analysis& a, const FontStyle& base, std::span<const FontSpan> spans) {
  a.style_list = {base};
  a.styles.assign(a.size(), 0);
  for (const FontSpan& span : spans) {
    const auto number = static_cast<uint32_t>(a.style_list.size());
    a.style_list.push_back(span.style);
    const auto first = std::lower_bound(a.bytes.begin(), a.bytes.end(), span.begin);
    for (auto at = first; at != a.bytes.end() && *at < span.end; ++at)
      a.styles[static_cast<size_t>(at - a.bytes.begin())] = number;
  }
}

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

void find_faces(FontStack& fonts, Analysis& a) {
  a.faces.resize(a.size());
  for (size_t begin = 0; begin < a.size();) {
    size_t end = begin + 1;
    while (end < a.size() && !a.grapheme[end]) ++end;
    const FontStyle& style = a.style_list[a.styles[begin]];
    FaceId face;
    if (is_control(a.points[begin]))
      face = fonts.face_for(style, {});
    else
      face = fonts.face_for(style, std::span(a.points).subspan(begin, end - begin));
    std::fill(a.faces.begin() + static_cast<ptrdiff_t>(begin), a.faces.begin() + static_cast<ptrdiff_t>(end),
              face);
    begin = end;
  }
}

void find_breaks(Analysis& a, const std::string& language) {
  std::vector<utf32_t> points(a.points.begin(), a.points.end());
  for (utf32_t& c :
       points)  // newer than libunibreak 1.1's tables: emoji break as ideographs do (UAX #14, class ID)
    if (has_emoji_presentation(c)) c = 0x4E00;
  a.breaks.resize(a.size());
  set_linebreaks_utf32(points.data(), points.size(), language.c_str(), a.breaks.data());
}

bool is_space(char32_t c) {
  return c == ' ' || c == '\t' || c == 0x1680 || (c >= 0x2000 && c <= 0x200A && c != 0x2007) || c == 0x205F ||
         c == 0x3000;
}

class RunShaper {
 public:
  RunShaper(FontStack& fonts, const Analysis& analysis, float size_px, ShapedParagraph& out)
      : fonts_(fonts), a_(analysis), size_px_(size_px), out_(out), buffer_(hb_buffer_create()) {
    points_.assign(a_.points.begin(), a_.points.end());
    for (hb_codepoint_t& c : points_) {
      if (c == '\t') c = ' ';
      if (is_control(c)) c = 0x200B;  // takes no room and shows nothing
    }
    language_ = hb_language_from_string(fonts.language().c_str(), -1);
  }
  ~RunShaper() { hb_buffer_destroy(buffer_); }
  RunShaper(const RunShaper&) = delete;
  RunShaper& operator=(const RunShaper&) = delete;

  void shape_all() {
    for (size_t begin = 0; begin < a_.size();) {
      size_t end = begin + 1;
      while (end < a_.size() && same_run(begin, end) && out_.runs.size() < 0xFFFF) ++end;
      shape(begin, end);
      begin = end;
    }
  }

 private:
  bool same_run(size_t i, size_t j) const {
    if (!a_.grapheme[j]) return true;
    return a_.faces[i] == a_.faces[j] && a_.styles[i] == a_.styles[j] && a_.levels[i] == a_.levels[j] &&
           (a_.scripts[i] == a_.scripts[j]);
  }

  void shape(size_t begin, size_t end) {
    const FontStyle& style = a_.style_list[a_.styles[begin]];
    ShapedRun run{a_.faces[begin], static_cast<uint8_t>(a_.levels[begin]), size_px_ * style.scale, style};
    hb_buffer_clear_contents(buffer_);
    hb_buffer_set_cluster_level(buffer_, HB_BUFFER_CLUSTER_LEVEL_MONOTONE_GRAPHEMES);
    hb_buffer_add_codepoints(buffer_, points_.data(), static_cast<int>(points_.size()),
                             static_cast<unsigned>(begin), static_cast<int>(end - begin));
    const bool backwards = run.level % 2 != 0;
    hb_buffer_set_direction(buffer_, backwards ? HB_DIRECTION_RTL : HB_DIRECTION_LTR);
    const hb_script_t script = a_.scripts[begin];
    hb_buffer_set_script(buffer_, script == HB_SCRIPT_COMMON ? HB_SCRIPT_LATIN : script);
    hb_buffer_set_language(buffer_, language_);
    const auto features = features_of(begin, end, style.family);
    hb_shape(fonts_.shaping_font(run.face), buffer_, features.data(), static_cast<unsigned>(features.size()));
    collect(run, begin, end, backwards);
    out_.runs.push_back(run);
  }

  std::span<const hb_feature_t> features_of(size_t begin, size_t end, FontFamily family) const {
    static constexpr auto off = [](hb_tag_t tag) {
      return hb_feature_t{tag, 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END};
    };
    // Inter turns "->" into an arrow: what a person typed is shown as typed (calt). Fixed-width text keeps
    // one cell per character (liga). Where nothing combines, composing (ccmp) finds nothing, and in Inter
    // costs more than all the rest: 200 ns a character with it, 85 without.
    static const std::array<hb_feature_t, 3> plain = {
        off(HB_TAG('c', 'a', 'l', 't')), off(HB_TAG('c', 'c', 'm', 'p')), off(HB_TAG('l', 'i', 'g', 'a'))};
    static const std::array<hb_feature_t, 2> combining = {plain[0], plain[2]};
    const hb_script_t script = a_.scripts[begin];
    if (script != HB_SCRIPT_COMMON && script != HB_SCRIPT_LATIN) return {};
    const bool simple =
        std::all_of(a_.points.begin() + static_cast<ptrdiff_t>(begin),
                    a_.points.begin() + static_cast<ptrdiff_t>(end), [](char32_t c) { return c < 0x300; });
    const bool mono = family == FontFamily::mono;
    return simple ? std::span<const hb_feature_t>(plain).first(mono ? 3 : 2)
                  : std::span<const hb_feature_t>(combining).first(mono ? 2 : 1);
  }

  void collect(const ShapedRun& run, size_t begin, size_t end, bool backwards) {
    unsigned count = 0;
    const hb_glyph_info_t* infos = hb_buffer_get_glyph_infos(buffer_, &count);
    const hb_glyph_position_t* positions = hb_buffer_get_glyph_positions(buffer_, &count);
    const float scale = run.size_px / fonts_.units_per_em(run.face);
    const auto base = static_cast<uint32_t>(out_.glyphs.size());
    for (unsigned i = 0; i < count; ++i)
      out_.glyphs.push_back({infos[i].codepoint, static_cast<float>(positions[i].x_advance) * scale,
                             static_cast<float>(positions[i].x_offset) * scale,
                             static_cast<float>(positions[i].y_offset) * scale});
    groups_.clear();
    for (unsigned i = 0; i < count;) {
      unsigned j = i + 1;
      while (j < count && infos[j].cluster == infos[i].cluster) ++j;
      groups_.push_back({i, j, infos[i].cluster});
      i = j;
    }
    if (backwards) std::reverse(groups_.begin(), groups_.end());
    for (size_t g = 0; g < groups_.size(); ++g) {
      const size_t first = g == 0 ? begin : groups_[g].point;
      const size_t last = g + 1 < groups_.size() ? groups_[g + 1].point : end;
      add_cluster(first, last, base + groups_[g].first, groups_[g].last - groups_[g].first);
    }
    if (groups_.empty()) add_cluster(begin, end, base, 0);
  }

  void add_cluster(size_t first, size_t last, uint32_t glyph_begin, uint32_t glyph_count) {
    Cluster cluster;
    cluster.begin = a_.bytes[first];
    cluster.glyph_begin = glyph_begin;
    cluster.glyph_count = static_cast<uint16_t>(std::min<uint32_t>(glyph_count, 0xFFFF));
    cluster.run = static_cast<uint16_t>(out_.runs.size());
    if (a_.points[first] == '\t')
      for (uint32_t i = 0; i < glyph_count; ++i)
        out_.glyphs[glyph_begin + i].advance *= 4;  // four spaces wide
    for (uint32_t i = 0; i < glyph_count; ++i) cluster.width += out_.glyphs[glyph_begin + i].advance;
    const auto graphemes = std::count(a_.grapheme.begin() + static_cast<ptrdiff_t>(first),
                                      a_.grapheme.begin() + static_cast<ptrdiff_t>(last), char{1});
    cluster.graphemes = static_cast<uint8_t>(std::clamp<ptrdiff_t>(graphemes, 1, 255));
    cluster.space = is_space(a_.points[first]);
    const char answer = a_.breaks[last - 1];
    cluster.must_break = answer == LINEBREAK_MUSTBREAK && last < a_.size();
    cluster.break_after = cluster.must_break || answer == LINEBREAK_ALLOWBREAK;
    out_.clusters.push_back(cluster);
  }

  struct Group {
    unsigned first, last, point;
  };

  FontStack& fonts_;
  const Analysis& a_;
  float size_px_;
  ShapedParagraph& out_;
  hb_buffer_t* buffer_;
  hb_language_t language_;
  std::vector<hb_codepoint_t> points_;
  std::vector<Group> groups_;
};

}  // namespace

ShapedParagraph shape_paragraph(FontStack& fonts, std::string_view text, const FontStyle& base,
                                std::span<const FontSpan> font_spans, float size_px) {
  ShapedParagraph out;
  out.text = text;
  if (text.empty()) return out;
  Analysis a;
  decode(text, a);
  mark_graphemes(a);
  find_levels(a);
  find_scripts(a);
  find_styles(a, base, font_spans);
  find_faces(fonts, a);
  find_breaks(a, fonts.language());
  out.right_to_left = a.right_to_left;
  out.glyphs.reserve(a.size());
  out.clusters.reserve(a.size());
  RunShaper(fonts, a, size_px, out).shape_all();
  return out;
}

}  // namespace fabula::text
