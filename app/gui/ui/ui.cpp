#include "app/gui/ui/ui.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fabula::gui {
namespace {

constexpr double tooltip_delay_seconds = 0.5;

text::Point point(ImVec2 v) { return {v.x, v.y}; }
text::Rect rect(const ImRect& r) { return {r.Min.x, r.Min.y, r.GetWidth(), r.GetHeight()}; }
ImGuiID imgui_id(std::string_view id) { return ImGui::GetID(id.data(), id.data() + id.size()); }

}  // namespace

void Ui::begin_frame(float scale, float framebuffer_scale, double now_seconds) {
  scale_ = scale;
  framebuffer_scale_ = framebuffer_scale;
  now_ = now_seconds;
  wake_at_ = std::numeric_limits<double>::infinity();
  order_.swap(recorded_);
  order_layers_.swap(layers_);
  recorded_.clear();
  layers_.clear();
  engine.begin_frame();
}

void Ui::end_frame() {
  activate_ = false;
  arrow_ = 0;
  input.clear();
}

text::LabelStyle Ui::style(const TextLook& look, float wrap_width) const {
  text::LabelStyle s;
  s.size_px = std::round(look.size * scale_ * 4) / 4;
  s.font.family = look.family;
  s.font.weight = look.weight;
  s.wrap_width_px = wrap_width;
  return s;
}

ImVec2 Ui::measure(std::string_view words, const TextLook& look, float wrap_width) {
  const auto size = engine.measure(words, style(look, wrap_width));
  return {size.width, size.height};
}

float Ui::text(ImVec2 position, std::string_view words, const TextLook& look, float max_width) {
  return engine.draw(list(), point(ImFloor(position)), words, style(look), color_of(look), max_width);
}

void Ui::text_in(const ImRect& box, std::string_view words, const TextLook& look, float align) {
  engine.draw_in(list(), rect(box), words, style(look), color_of(look), align);
}

float Ui::paragraph(ImVec2 position, std::string_view words, const TextLook& look, float width) {
  const auto s = style(look, width);
  engine.draw(list(), point(ImFloor(position)), words, s, color_of(look));
  return engine.measure(words, s).height;
}

void Ui::fill(const ImRect& box, ImU32 c, float radius_dp, ImDrawFlags corners) {
  list().AddRectFilled(box.Min, box.Max, c, px(radius_dp), corners);
}

void Ui::stroke(const ImRect& box, ImU32 c, float radius_dp, float width_dp) {
  list().AddRect(box.Min, box.Max, c, px(radius_dp), 0, std::max(1.0f, std::floor(px(width_dp))));
}

void Ui::hairline(ImVec2 from, ImVec2 to) {
  const float w = std::max(1.0f, std::floor(scale_));
  list().AddRectFilled(ImFloor(from), ImVec2(std::max(to.x, from.x + w), std::max(to.y, from.y + w)), color().border);
}

void Ui::shadow(const ImRect& box, float radius_dp) {
  const float alpha = static_cast<float>((color().shadow >> IM_COL32_A_SHIFT) & 0xFF) / 255.0f;
  for (int i = 1; i <= 6; ++i) {
    ImRect grown = box;
    grown.Expand(px(static_cast<float>(i)));
    grown.Translate(ImVec2(0, px(1.5f)));
    const float strength = alpha * 0.28f * (1.0f - static_cast<float>(i - 1) / 6.0f);
    list().AddRectFilled(grown.Min, grown.Max, with_alpha(color().shadow | IM_COL32_A_MASK, strength), px(radius_dp + static_cast<float>(i)));
  }
}

void Ui::icon(Icon which, const ImRect& box, float size_dp, ImU32 c) {
  const float size = px(size_dp);
  const ImVec2 centre = box.GetCenter();
  draw_icon(list(), which, ImFloor(ImVec2(centre.x - size / 2, centre.y - size / 2)), size, c);
}

// ---- controls

void Ui::record(std::string_view id, std::string_view label, const ImRect& box, bool enabled, bool focused) {
  const ImRect clip = ImGui::GetCurrentWindow()->ClipRect;
  ImRect seen = box;
  seen.ClipWithFull(clip);
  if (seen.GetWidth() <= 0 || seen.GetHeight() <= 0) return;
  const float f = framebuffer_scale_;
  recorded_.push_back({std::string(id), std::string(label), seen.Min.x * f, seen.Min.y * f, seen.GetWidth() * f, seen.GetHeight() * f, enabled, focused});
  layers_.push_back(GImGui->BeginPopupStack.Size);
}

void Ui::mention(std::string_view id, std::string_view label, const ImRect& box) {
  const size_t before = recorded_.size();
  record(id, label, box);
  if (recorded_.size() > before) layers_.back() = -1;
}

bool Ui::hovers(const ImRect& box) const {
  return ImGui::IsWindowHovered(ImGuiHoveredFlags_AllowWhenBlockedByActiveItem | ImGuiHoveredFlags_ChildWindows) &&
         ImGui::IsMouseHoveringRect(box.Min, box.Max);
}

Hit Ui::interact(std::string_view id, std::string_view label, const ImRect& box, bool enabled, float focus_radius_dp) {
  Hit hit;
  hit.focused = enabled && focus_ == id;
  record(id, label, box, enabled, hit.focused);
  const ImGuiID item = imgui_id(id);
  if (!ImGui::ItemAdd(box, item)) return hit;
  if (!enabled) return hit;
  const bool pressed = ImGui::ButtonBehavior(box, item, &hit.hovered, &hit.held);
  if (pressed) focus_ = id;
  hit.clicked = pressed || (hit.focused && activate_);
  if (hit.focused && focus_visible_) draw_focus_ring(box, focus_radius_dp);
  return hit;
}

bool Ui::focus_stop(std::string_view id, std::string_view label, const ImRect& box, bool focused) {
  const bool here = focus_ == id;
  record(id, label, box, true, here || focused);
  if (here && focus_visible_) draw_focus_ring(box, radius::small);
  return here && activate_;
}

void Ui::draw_focus_ring(const ImRect& box, float radius_dp) {
  const ImRect& clip = ImGui::GetCurrentWindow()->ClipRect;
  ImRect ring = box;
  ring.Expand(px(1.5f));
  ImDrawList& front = *ImGui::GetForegroundDrawList();
  front.PushClipRect(clip.Min, clip.Max);
  front.AddRect(ring.Min, ring.Max, color().accent, px(radius_dp + 1), 0, px(2));
  front.PopClipRect();
}

bool Ui::button(std::string_view id, std::string_view label, const ImRect& box, const ButtonOptions& o) {
  const Hit hit = interact(id, label, box, o.enabled);
  const Palette& c = color();
  ImU32 ground = 0, ink = c.text;
  switch (o.kind) {
    case ButtonKind::primary: ground = c.accent, ink = c.on_accent; break;
    case ButtonKind::danger: ground = c.danger, ink = c.on_danger; break;
    case ButtonKind::secondary: ground = c.raised; break;
    case ButtonKind::ghost: ground = o.active ? c.accent_soft : 0; break;
  }
  if (!o.enabled) {
    ground = o.kind == ButtonKind::ghost ? 0 : c.hover;
    ink = with_alpha(c.text_faint, 0.75f);
  }
  if (ground != 0) fill(box, ground, radius::control);
  if (o.kind == ButtonKind::secondary && o.enabled) stroke(box, c.border, radius::control);
  if (hit.held || hit.hovered) fill(box, hit.held ? c.active : c.hover, radius::control);
  const TextLook look{.size = o.text_size, .color = ink, .weight = text::FontWeight::medium};
  ImRect inner = box;
  if (label.empty()) {
    icon(o.icon, box, 17, ink);
  } else if (o.icon != Icon::none) {
    const float icon_px = px(16), gap = px(space::s);
    const float width = icon_px + gap + measure(label, look).x;
    const float x = o.align == 0 ? box.Min.x + px(10) : box.Min.x + (box.GetWidth() - width) / 2;
    icon(o.icon, ImRect(x, box.Min.y, x + icon_px, box.Max.y), 16, ink);
    inner.Min.x = x + icon_px + gap;
    inner.Max.x = box.Max.x - px(6);
    text_in(inner, label, look, 0);
  } else {
    inner.Expand(ImVec2(-px(10), 0));
    text_in(inner, label, look, o.align);
  }
  if (hit.hovered && !o.tooltip.empty()) tooltip(box, o.tooltip);
  return hit.clicked;
}

float Ui::button_width(std::string_view label, bool with_icon, float text_size) {
  const TextLook look{.size = text_size, .weight = text::FontWeight::medium};
  return std::ceil(measure(label, look).x + px(with_icon ? 24 + 16 + space::s : 28));
}

bool Ui::icon_button(std::string_view id, Icon which, std::string_view label, const ImRect& box, bool enabled, bool active, float icon_dp,
                     ImU32 ink) {
  const Hit hit = interact(id, label, box, enabled, radius::small);
  const Palette& c = color();
  if (active) fill(box, c.accent_soft, radius::small);
  if (hit.hovered || hit.held) fill(box, hit.held ? c.active : c.hover, radius::small);
  if (ink == 0) ink = active ? c.accent : hit.hovered ? c.text : c.text_soft;
  icon(which, box, icon_dp, enabled ? ink : with_alpha(c.text_faint, 0.5f));
  if (hit.hovered) tooltip(box, label);
  return hit.clicked;
}

bool Ui::slider(std::string_view id, std::string_view label, const ImRect& box, float& value, float lowest, float highest,
                std::string_view shown, bool logarithmic, const float* neutral) {
  const Hit hit = interact(id, label, box);
  const Palette& c = color();
  const TextLook name{.size = type::small, .color = c.text_soft};
  const TextLook number{.size = type::small, .weight = text::FontWeight::medium};
  const float number_width = measure(shown, number).x;
  text(box.Min, label, name, box.GetWidth() - number_width - px(space::s));
  text(ImVec2(box.Max.x - number_width, box.Min.y), shown, number);
  const float knob = px(hit.hovered || hit.held ? 7.0f : 6.0f), y = box.Max.y - px(8);
  const float left = box.Min.x + px(7), right = box.Max.x - px(7);
  const auto to_position = [&](float v) {
    if (logarithmic) return std::log(std::max(v, lowest) / lowest) / std::log(highest / lowest);
    return (v - lowest) / (highest - lowest);
  };
  const auto to_value = [&](float t) { return logarithmic ? lowest * std::pow(highest / lowest, t) : lowest + t * (highest - lowest); };
  const float before = value;
  if (hit.held) value = to_value(ImClamp((ImGui::GetIO().MousePos.x - left) / (right - left), 0.0f, 1.0f));
  if (hit.focused && focus_visible_ && arrow_ != 0) {
    value = to_value(ImClamp(to_position(value) + 0.02f * static_cast<float>(take_arrow()), 0.0f, 1.0f));
  }
  const float x = left + ImClamp(to_position(value), 0.0f, 1.0f) * (right - left);
  list().AddRectFilled(ImVec2(left, y - px(1.5f)), ImVec2(right, y + px(1.5f)), c.border, px(2));
  const float origin = left + (neutral == nullptr ? 0 : ImClamp(to_position(*neutral), 0.0f, 1.0f) * (right - left));
  list().AddRectFilled(ImVec2(std::min(origin, x), y - px(1.5f)), ImVec2(std::max(origin, x), y + px(1.5f)), c.accent, px(2));
  list().AddCircleFilled(ImVec2(x, y), knob, c.accent, 24);
  list().AddCircleFilled(ImVec2(x, y), knob - px(2), c.raised, 24);
  return value != before;
}

bool Ui::toggle(std::string_view id, std::string_view label, const ImRect& box, bool& on) {
  const Hit hit = interact(id, label, box);
  if (hit.clicked) on = !on;
  const Palette& c = color();
  const float w = px(34), h = px(20), y = box.GetCenter().y;
  const ImRect track(box.Max.x - w, y - h / 2, box.Max.x, y + h / 2);
  fill(track, on ? c.accent : c.outline, 10);
  const float x = on ? track.Max.x - h / 2 : track.Min.x + h / 2;
  list().AddCircleFilled(ImVec2(x, y), h / 2 - px(3), on ? c.on_accent : c.raised, 24);
  text_in(ImRect(box.Min, ImVec2(track.Min.x - px(space::s), box.Max.y)), label, {}, 0);
  return hit.clicked;
}

int Ui::choice(std::string_view id, std::string_view label, const ImRect& box, const std::vector<std::string>& names, int current,
               bool enabled) {
  const Hit hit = interact(id, label, box, enabled);
  const Palette& c = color();
  fill(box, c.raised, radius::control);
  stroke(box, hit.hovered ? c.outline : c.border, radius::control);
  const std::string& shown = names[static_cast<size_t>(std::clamp<int>(current, 0, static_cast<int>(names.size()) - 1))];
  const ImU32 ink = enabled ? c.text : c.text_faint;
  text_in(ImRect(box.Min.x + px(10), box.Min.y, box.Max.x - px(28), box.Max.y), shown, {.color = ink}, 0);
  icon(Icon::chevron_down, ImRect(box.Max.x - px(26), box.Min.y, box.Max.x - px(8), box.Max.y), 14, c.text_soft);
  const std::string popup = std::string(id) + ".popup";
  if (hit.clicked) ImGui::OpenPopup(popup.c_str());
  int chosen = -1;
  if (begin_menu(popup.c_str(), ImVec2(box.Min.x, box.Max.y + px(4)), box.GetWidth() / scale_)) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (menu_item(std::string(id) + "." + std::to_string(i), names[i], {}, true, static_cast<int>(i) == current)) chosen = static_cast<int>(i);
    }
    end_menu();
  }
  return chosen;
}

text::EditBoxResult Ui::field(std::string_view id, std::string_view label, text::Editor& editor, const ImRect& box, text::EditBox look,
                              Icon leading) {
  const Palette& c = color();
  look.text = c.text;
  look.placeholder_colour = c.text_faint;
  look.selection = c.selection;
  look.caret = c.accent;
  ImRect inner = box;
  fill(box, c.raised, radius::control);
  if (leading != Icon::none) {
    icon(leading, ImRect(box.Min.x + px(6), box.Min.y, box.Min.x + px(26), box.Max.y), 14, c.text_faint);
    inner.Min.x += px(22);
  }
  // Words typed in a dialog that has just taken the focus from a menu are for its field, whoever let go of it meanwhile.
  const bool typed_ahead = !input.empty() && ImGui::GetActiveID() == 0 && ImGui::GetTopMostPopupModal() != nullptr;
  if (focus_ == id && (focus_visible_ || typed_ahead)) look.take_focus = true;
  ImGui::SetCursorScreenPos(inner.Min);
  const std::string name(id);
  const auto result = text::edit_box(engine, name.c_str(), editor, input, clipboard, look, inner.GetSize());
  if (result.focused) focus_ = id;
  record(id, label, box, look.enabled, result.focused);
  stroke(box, result.focused ? c.accent : c.outline, radius::control, result.focused ? 1.5f : 1.0f);
  if (result.animating) wake_at(now_);
  return result;
}

void Ui::tooltip(const ImRect& box, std::string_view words) {
  const ImGuiID id = ImGui::GetItemID();
  if (tooltip_for_ != id) {
    tooltip_for_ = id;
    tooltip_since_ = now_;
  }
  if (now_ - tooltip_since_ < tooltip_delay_seconds) {
    wake_at(tooltip_since_ + tooltip_delay_seconds);
    return;
  }
  const TextLook look{.size = type::small, .color = color().window};
  const ImVec2 size = measure(words, look), pad(px(8), px(5)), screen = ImGui::GetIO().DisplaySize;
  ImVec2 at(box.GetCenter().x - size.x / 2 - pad.x, box.Max.y + px(6));
  at.x = std::clamp(at.x, px(4), std::max(px(4), screen.x - size.x - 2 * pad.x - px(4)));
  if (at.y + size.y + 2 * pad.y > screen.y) at.y = box.Min.y - px(6) - size.y - 2 * pad.y;
  ImDrawList& front = *ImGui::GetForegroundDrawList();
  front.AddRectFilled(at, ImVec2(at.x + size.x + 2 * pad.x, at.y + size.y + 2 * pad.y), with_alpha(color().text, 0.95f), px(6));
  engine.draw(front, point(ImFloor(ImVec2(at.x + pad.x, at.y + pad.y))), words, style(look), look.color);
  const float f = framebuffer_scale_;
  recorded_.push_back({"tooltip", std::string(words), at.x * f, at.y * f, (size.x + 2 * pad.x) * f, (size.y + 2 * pad.y) * f, true, false});
  layers_.push_back(-1);  // as what is only mentioned
}

// ---- popups

bool Ui::begin_menu(const char* id, ImVec2 position, float width_dp) {
  if (!ImGui::IsPopupOpen(id)) return false;
  // Its size is known from the frame before; in the first one ImGui measures it unseen.
  const auto& popups = GImGui->OpenPopupStack;
  if (const int depth = GImGui->BeginPopupStack.Size; depth < popups.Size && popups[depth].Window != nullptr) {
    const ImVec2 size = popups[depth].Window->Size, screen = ImGui::GetIO().DisplaySize;
    position.x = std::max(px(4), std::min(position.x, screen.x - size.x - px(4)));
    position.y = std::max(px(4), std::min(position.y, screen.y - size.y - px(4)));
  }
  ImGui::SetNextWindowPos(position, ImGuiCond_Always);
  ImGui::SetNextWindowSize(ImVec2(px(width_dp), 0));
  ImGui::SetNextWindowSizeConstraints(ImVec2(px(width_dp), 0), ImVec2(px(width_dp), ImGui::GetIO().DisplaySize.y - px(80)));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(px(5), px(5)));
  const bool open = ImGui::BeginPopup(id, ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoMove);
  ImGui::PopStyleVar();
  return open;
}

bool Ui::menu_item(std::string_view id, std::string_view label, std::string_view shortcut, bool enabled, bool checked, Icon which,
                   bool danger) {
  const Palette& c = color();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const ImRect box(at, ImVec2(at.x + ImGui::GetContentRegionAvail().x, at.y + px(30)));
  const Hit hit = interact(id, label, box, enabled, radius::small);
  if (hit.hovered) fill(box, c.hover, radius::small);
  const ImU32 ink = !enabled ? with_alpha(c.text_faint, 0.7f) : danger ? c.danger : c.text;
  if (checked) icon(Icon::check, ImRect(box.Min.x + px(4), box.Min.y, box.Min.x + px(26), box.Max.y), 14, c.accent);
  if (which != Icon::none && !checked) icon(which, ImRect(box.Min.x + px(4), box.Min.y, box.Min.x + px(26), box.Max.y), 15, ink);
  const TextLook keys{.size = type::small, .color = enabled ? c.text_faint : with_alpha(c.text_faint, 0.6f)};
  const float keys_width = shortcut.empty() ? 0 : measure(shortcut, keys).x + px(space::m);
  text_in(ImRect(box.Min.x + px(30), box.Min.y, box.Max.x - px(10) - keys_width, box.Max.y), label, {.color = ink}, 0);
  if (!shortcut.empty()) text_in(ImRect(box.Min.x, box.Min.y, box.Max.x - px(10), box.Max.y), shortcut, keys, 1);
  ImGui::Dummy(box.GetSize());
  if (hit.clicked) ImGui::CloseCurrentPopup();
  return hit.clicked;
}

void Ui::menu_separator() {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  hairline(ImVec2(at.x + px(4), at.y + px(4)), ImVec2(at.x + ImGui::GetContentRegionAvail().x - px(4), at.y + px(4)));
  ImGui::Dummy(ImVec2(1, px(9)));
}

void Ui::menu_heading(std::string_view label) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  text(ImVec2(at.x + px(10), at.y + px(6)), label, {.size = type::caption, .color = color().text_faint, .weight = text::FontWeight::semibold},
       ImGui::GetContentRegionAvail().x - px(20));
  ImGui::Dummy(ImVec2(1, px(24)));
}

void Ui::end_menu() { ImGui::EndPopup(); }

bool Ui::begin_dialog(const char* id, std::string_view title, float width_dp, float height_dp) {
  if (!ImGui::IsPopupOpen(id)) return false;
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const ImVec2 size(std::min(px(width_dp), screen.x - px(32)), std::min(px(height_dp), screen.y - px(32)));
  ImGui::SetNextWindowSize(size);
  ImGui::SetNextWindowPos(ImFloor(ImVec2((screen.x - size.x) / 2, (screen.y - size.y) * 0.42f)));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(px(20), px(18)));
  ImGui::PushStyleVar(ImGuiStyleVar_PopupRounding, px(radius::card));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, px(radius::card));
  const bool open = ImGui::BeginPopupModal(id, nullptr, ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove |
                                                            ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollbar);
  ImGui::PopStyleVar(3);
  if (!open) return false;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  text(at, title, {.size = type::title, .weight = text::FontWeight::semibold}, width - px(40));
  const std::string close = std::string(id) + ".close";
  if (icon_button(close, Icon::close, tr("action.close"), ImRect(at.x + width - px(28), at.y - px(2), at.x + width, at.y + px(26)))) {
    ImGui::CloseCurrentPopup();
  }
  ImGui::SetCursorScreenPos(ImVec2(at.x, at.y + px(40)));
  return true;
}

void Ui::end_dialog() { ImGui::EndPopup(); }

bool Ui::begin_list(const char* id, const ImRect& box) {
  fill(box, color().window, radius::control);
  stroke(box, color().border, radius::control);
  ImGui::SetCursorScreenPos(ImVec2(box.Min.x + 1, box.Min.y + 1));
  return ImGui::BeginChild(id, ImVec2(box.GetWidth() - 2, box.GetHeight() - 2));
}

// ---- keyboard focus

void Ui::move_focus(int step) {
  focus_visible_ = true;
  const auto& all = recorded_.empty() ? order_ : recorded_;
  const auto& layers = recorded_.empty() ? order_layers_ : layers_;
  if (all.empty()) return;
  const int top = *std::max_element(layers.begin(), layers.end());
  std::vector<const std::string*> ring;
  for (size_t i = 0; i < all.size(); ++i) {
    if (layers[i] == top && all[i].enabled) ring.push_back(&all[i].id);
  }
  if (ring.empty()) return;
  const auto now = std::find_if(ring.begin(), ring.end(), [this](const std::string* id) { return *id == focus_; });
  const auto n = static_cast<int>(ring.size());
  const int at = now == ring.end() ? (step > 0 ? -1 : n) : static_cast<int>(now - ring.begin());
  focus_ = *ring[static_cast<size_t>(((at + step) % n + n) % n)];
}

}  // namespace fabula::gui
